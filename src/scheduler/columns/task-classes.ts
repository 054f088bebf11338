import type { Judgement } from './judge-row.ts';
import type { NodeColumns } from './node-columns.ts';
import type { ScoreColumns } from './score-columns.ts';
import { TaskClass } from './task-class.ts';

/** When a class is worth its keep. */
export interface ClassLimits {
  /** Below so many nodes a scan is as quick as anything. */
  readonly rowCountMin: number;
  /** A scan judges so many rows in the time in which a class takes in one that has changed. */
  readonly rowsPerChange: number;
}

const defaultLimits: ClassLimits = { rowCountMin: 64, rowsPerChange: 64 };

/** How many rows all classes together may hold, each about 40 bytes. */
const HELD_ROWS_MAX = 1_000_000;

const CLASS_COUNT_MAX = 64;

/** So many kinds of tasks are remembered at once as seen. */
const SEEN_COUNT_MAX = 1000;

/**
 * The classes worth keeping: a class is made when a task comes that is equal to one seen a short
 * time ago, counted in changes of nodes, since every change costs a class more than it costs a
 * scan. What comes back later than that is scanned for, and so is what is seen once.
 */
export class TaskClasses {
  readonly #columns: NodeColumns;
  readonly #scores: ScoreColumns;
  readonly #limits: ClassLimits;
  readonly #classes = new Map<string, TaskClass>();
  /** The end of the log of changes when a task of that key was seen last. */
  readonly #seenAt = new Map<string, number>();
  #layout = -1;

  constructor(columns: NodeColumns, scores: ScoreColumns, limits: ClassLimits = defaultLimits) {
    this.#columns = columns;
    this.#scores = scores;
    this.#limits = limits;
  }

  /** The class of the task, up to date; undefined when it is cheaper to scan. */
  find(on: Judgement): TaskClass | undefined {
    const { rowCount, changes, layout } = on.columns;
    const { rowCountMin, rowsPerChange } = this.#limits;
    if (rowCount < rowCountMin) return undefined;
    if (this.#layout !== layout) {
      this.#classes.clear();
      this.#seenAt.clear();
      this.#layout = layout;
    }
    const { key } = on.demand;
    const seenAt = this.#seenAt.get(key);
    if (seenAt === undefined && this.#seenAt.size >= SEEN_COUNT_MAX) this.#seenAt.clear();
    this.#seenAt.set(key, changes.end);
    if (seenAt === undefined || changes.end - seenAt > rowCount / rowsPerChange) return undefined;
    const known = this.#classes.get(key);
    const found = known ?? new TaskClass(on, this.#scores);
    if (known === undefined) this.#keep(key, found);
    found.update();
    return found;
  }

  #keep(key: string, one: TaskClass): void {
    const heldMax = Math.floor(HELD_ROWS_MAX / this.#columns.rowCount);
    const countMax = Math.min(CLASS_COUNT_MAX, Math.max(4, heldMax));
    // A class that falls behind is not used again before it is seen twice in a short time, so that
    // which one goes matters little.
    for (const oldest of this.#classes.keys()) {
      if (this.#classes.size < countMax) break;
      this.#classes.delete(oldest);
    }
    this.#classes.set(key, one);
  }
}
