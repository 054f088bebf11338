import { assert } from '../../lib/assert.ts';
import type { Placement } from '../../task/placement.ts';
import type { Task } from '../../task/task.ts';
import { BEST_COUNT_MAX } from '../decide.ts';
import { pickAmongEquals } from '../pick-lowest.ts';
import type { SchedulerName } from '../scheduler.ts';
import { toDemand } from './demand.ts';
import { EpvmColumns } from './epvm-columns.ts';
import { GreedyColumns } from './greedy-columns.ts';
import { HeldPorts } from './held-ports.ts';
import type { Judgement } from './judge-row.ts';
import type { NodeColumns } from './node-columns.ts';
import { groupRejections } from './rejection-groups.ts';
import { Scan } from './scan.ts';
import type { ScoreColumns } from './score-columns.ts';
import { Standings } from './standings.ts';
import { Tally } from './tally.ts';
import type { TaskClass } from './task-class.ts';
import { type ClassLimits, TaskClasses } from './task-classes.ts';
import { TurnColumns, takeTurns } from './turn-columns.ts';

/** The best rows, the chosen one first, with their scores; and who was refused. */
interface Outcome {
  readonly feasibleCount: number;
  readonly rows: readonly number[];
  readonly scores: readonly number[];
  readonly rejected: Placement['rejected'];
}

/** How each policy scores over columns. */
const scoresOf: Readonly<Record<SchedulerName, (columns: NodeColumns) => ScoreColumns>> = {
  epvm: (columns) => new EpvmColumns(columns),
  greedy: (columns) => new GreedyColumns(columns),
  roundrobin: (columns) => new TurnColumns(columns),
};

/**
 * The three phases of a policy over columns: the same decision as `decide` comes to from a
 * snapshot, score for score and word for word, at a fraction of the cost. A task that is equal to
 * one seen just before is answered from its class, any other by one scan over all rows.
 */
export class ColumnScheduler {
  readonly #name: SchedulerName;
  readonly #columns: NodeColumns;
  readonly #scores: ScoreColumns;
  readonly #standings: Standings;
  readonly #classes: TaskClasses;
  readonly #held: HeldPorts;
  readonly #found: Scan;
  /** What was refused since the latest change, by the key of its demand. */
  readonly #refusals = new Map<string, Placement>();
  #refusedAt = { layout: -1, position: -1 };

  constructor(name: SchedulerName, columns: NodeColumns, limits?: ClassLimits) {
    this.#name = name;
    this.#columns = columns;
    this.#scores = scoresOf[name](columns);
    this.#standings = new Standings(columns);
    this.#classes = new TaskClasses(columns, this.#scores, limits);
    this.#held = new HeldPorts(columns);
    this.#found = new Scan(new Tally(columns), this.#scores);
  }

  /** The decision on the task as the ledger is now. `lastNode`: of the latest placement. */
  decide(task: Task, lastNode: string | undefined): Placement {
    this.update();
    const demand = toDemand(task);
    const refusal = this.#findRefusal(demand.key);
    if (refusal !== undefined) return refusal;
    const on = { demand, columns: this.#columns, standing: this.#standings.get(demand) };
    const first = lastNode === undefined ? 0 : this.#columns.rowAfter(lastNode);
    const known = this.#classes.find(on);
    const outcome = known === undefined ? this.#scan(on, first) : ask(known, on, first);
    const placement = this.#toPlacement(outcome);
    if (placement.node === undefined) this.#refusals.set(demand.key, placement);
    return placement;
  }

  /** Nobody who was refused is asked about again, nor anyone equal, before something changes. */
  #findRefusal(key: string): Placement | undefined {
    const { layout, changes } = this.#columns;
    if (this.#refusedAt.layout !== layout || this.#refusedAt.position !== changes.end) {
      this.#refusals.clear();
      this.#refusedAt = { layout, position: changes.end };
    }
    return this.#refusals.get(key);
  }

  /** Takes in what the ledger was told, so that the next decision need not. */
  update(): void {
    this.#columns.update();
    this.#scores.update();
  }

  #toPlacement({ feasibleCount, rows, scores, rejected }: Outcome): Placement {
    const summary = {
      scheduler: this.#name,
      nodeCount: this.#columns.rowCount,
      feasibleCount,
      rejected,
    };
    const best = rows.map((row, index) => ({
      node: this.#columns.findNode(row)?.name ?? '',
      score: scores[index] ?? 0,
    }));
    const [chosen] = best;
    if (chosen === undefined) return { ...summary, best };
    assert(Number.isFinite(chosen.score), `the score of ${chosen.node} is finite`);
    return { ...summary, node: chosen.node, best };
  }

  #scan(on: Judgement, first: number): Outcome {
    const scores = this.#scores;
    const found = this.#found;
    scores.begin(on.demand.scored, first);
    const held = this.#held.count(on.demand);
    found.run(on, held);
    const { feasibleCount, equalCount, best, tally } = found;
    const findNearest = (code: number): number => tally.findNearest(code) ?? -1;
    const rejected = groupRejections({ ...on, counts: tally.counts, findNearest });
    const lowest = [...best.rows.subarray(0, best.count)];
    const chosen =
      equalCount < 2
        ? undefined
        : found.findEqual(pickAmongEquals(on.demand.task, equalCount), on, held);
    const rows = chosen === undefined ? lowest : withChosen(lowest, chosen);
    return {
      feasibleCount,
      rows,
      scores: rows.map((row, turn) => (scores.isByTurn ? turn : scores.scoreOf(row))),
      rejected,
    };
  }
}

/** What the class of the task knows. */
function ask(known: TaskClass, on: Judgement, first: number): Outcome {
  const { tree, tally, feasibleCount } = known;
  const findNearest = (code: number): number => known.findNearest(code);
  const rejected = groupRejections({ ...on, counts: tally.counts, findNearest });
  if (feasibleCount === 0) return { feasibleCount, rows: [], scores: [], rejected };
  if (known.isByTurn) {
    const rows = takeTurns(tree, first, BEST_COUNT_MAX);
    return { feasibleCount, rows, scores: rows.map((_, turn) => turn), rejected };
  }
  const chosen = tree.placeOfLowest(pickAmongEquals(on.demand.task, tree.lowestCount));
  const rows = withChosen(tree.lowestPlaces(BEST_COUNT_MAX), chosen);
  return { feasibleCount, rows, scores: rows.map((row) => tree.get(row)), rejected };
}

/** The chosen row, then the others. */
function withChosen(best: readonly number[], chosen: number): readonly number[] {
  return [chosen, ...best.filter((row) => row !== chosen)].slice(0, BEST_COUNT_MAX);
}
