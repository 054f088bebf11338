import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import { Loop } from '../lib/loop.ts';
import type { ClusterSnapshot, Scheduler } from '../scheduler/scheduler.ts';
import type { Task } from '../task/task.ts';
import type { AppliedEvent, ClusterState } from './cluster-state.ts';
import type { Committer } from './committer.ts';
import { judgeDrain } from './judge-drain.ts';
import { drainDrafts, isLeaving } from './judge-replacement.ts';

export interface DrainLoopOptions {
  readonly state: ClusterState;
  readonly committer: Committer;
  readonly scheduler: Scheduler;
  readonly snapshot: () => ClusterSnapshot;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** As a safety net every draining node is looked at this often, in milliseconds. */
const FULL_PASS_MS = 30_000;

/** Moves tasks off the nodes that are drained. */
export class DrainLoop {
  readonly #options: DrainLoopOptions;
  readonly #loop: Loop;
  /** Tasks that have left a draining node and do not run elsewhere yet. */
  readonly #leaving = new Set<string>();

  constructor(options: DrainLoopOptions) {
    this.#options = options;
    this.#loop = new Loop({
      name: 'drain',
      clock: options.clock,
      logger: options.logger,
      intervalMs: FULL_PASS_MS,
      pass: () => this.#pass(),
    });
  }

  start(): void {
    for (const task of this.#options.state.tasks()) this.#note(task);
    this.#loop.nudge();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  /** Takes note of what has become durable. */
  onPublished({ event, task }: AppliedEvent): void {
    if (task !== undefined) this.#note(task);
    else if (event.taskId !== undefined) this.#leaving.delete(event.taskId);
    if (this.#options.state.drainingNodes.size > 0) this.#loop.nudge();
  }

  #note(task: Task): void {
    const { replacing } = task.status;
    if (replacing !== undefined && isLeaving(task, replacing.node)) this.#leaving.add(task.id);
    else this.#leaving.delete(task.id);
  }

  async #pass(): Promise<void> {
    const { committer, state } = this.#options;
    for (const node of [...state.drainingNodes].sort()) {
      const step = judgeDrain({
        node,
        placed: this.#find(state.placedOn(node)),
        onTheirWay: this.#find(this.#leaving),
        scheduler: this.#options.scheduler,
        snapshot: this.#options.snapshot(),
      });
      if (step.kind !== 'move') continue;
      await committer.commit((view) => {
        const task = view.findTask(step.task.id);
        // It has changed since it was looked at; the change has its own wake-up.
        const isAsSeen = task?.revision === step.task.revision;
        const isStillDrained = view.findNode(node)?.draining === true;
        const drafts = isAsSeen && isStillDrained ? drainDrafts(task, node) : [];
        return { drafts, result: undefined };
      });
    }
  }

  #find(ids: Iterable<string>): readonly Task[] {
    return [...ids].flatMap((id) => this.#options.state.findTask(id) ?? []);
  }
}
