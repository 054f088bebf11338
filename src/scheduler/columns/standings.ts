import type { Demand } from './demand.ts';
import type { NodeColumns } from './node-columns.ts';
import { Standing } from './standing.ts';

/** How many kinds of tasks are remembered; the one used longest ago is forgotten first. */
const KIND_COUNT_MAX = 64;

/** The standing of the nodes with each kind of task that was seen lately. */
export class Standings {
  readonly #columns: NodeColumns;
  readonly #byKey = new Map<string, Standing>();
  #latestKey: string | undefined;

  constructor(columns: NodeColumns) {
    this.#columns = columns;
  }

  /** The standing with that kind of task, up to date. */
  get({ task, standingKey }: Demand): Standing {
    const known = this.#byKey.get(standingKey);
    const standing = known ?? new Standing(task, this.#columns);
    if (this.#latestKey !== standingKey) {
      this.#byKey.delete(standingKey);
      this.#byKey.set(standingKey, standing);
      this.#latestKey = standingKey;
      if (this.#byKey.size > KIND_COUNT_MAX) {
        for (const oldest of this.#byKey.keys()) {
          this.#byKey.delete(oldest);
          break;
        }
      }
    }
    standing.update();
    return standing;
  }
}
