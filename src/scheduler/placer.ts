import type { Placement } from '../task/placement.ts';
import type { Task } from '../task/task.ts';
import { ColumnScheduler } from './columns/column-scheduler.ts';
import { NodeColumns } from './columns/node-columns.ts';
import type { ClassLimits } from './columns/task-classes.ts';
import { createScheduler } from './create-scheduler.ts';
import { decide } from './decide.ts';
import type { Ledger } from './ledger.ts';
import type { Scheduler } from './scheduler.ts';

/**
 * A ledger with a policy that decides on it, one task after the other: what the schedule loop
 * uses. Tell it of nodes and tasks as they change, ask it for a decision, and reserve what was
 * decided before asking for the next.
 *
 * It comes to the same decisions as `decide` on a snapshot of the ledger, which remains the
 * definition of each policy and serves wherever one decision is looked at. Cube's own policies are
 * computed over columns here; any other `Scheduler` is asked through its three phases.
 */
export class Placer {
  readonly #scheduler: Scheduler;
  readonly #columns = new NodeColumns();
  readonly #fast: ColumnScheduler | undefined;

  /** @param limits when to answer equal tasks from a class; for tests. */
  constructor(scheduler: Scheduler, limits?: ClassLimits) {
    this.#scheduler = scheduler;
    const isOwn = createScheduler(scheduler.name) === scheduler;
    if (isOwn) this.#fast = new ColumnScheduler(scheduler.name, this.#columns, limits);
  }

  /** What is promised on each node, to be told of every change. */
  get ledger(): Ledger {
    return this.#columns.ledger;
  }

  /** Gets ready after many changes, so that the next decision is as quick as any. */
  prepare(): void {
    this.#fast?.update();
  }

  /** Decides on a task; `node` is absent in the placement when no node can take it. */
  decide(task: Task, lastNode: string | undefined): Placement {
    if (this.#fast !== undefined) return this.#fast.decide(task, lastNode);
    return decide(this.#scheduler, task, this.ledger.snapshot(lastNode)).placement;
  }
}
