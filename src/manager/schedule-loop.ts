import type { EventDraft } from '../event/event.ts';
import { type Clock, timestamp } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import { Loop } from '../lib/loop.ts';
import type { Node } from '../node/node.ts';
import type { Ledger } from '../scheduler/ledger.ts';
import { Placer } from '../scheduler/placer.ts';
import type { ClusterSnapshot, Scheduler } from '../scheduler/scheduler.ts';
import { waitingReason } from '../scheduler/waiting-reason.ts';
import type { Placement } from '../task/placement.ts';
import type { Reason } from '../task/reason.ts';
import { isPlaced, type Task } from '../task/task.ts';
import type { AttemptTimes } from './attempt-times.ts';
import type { AppliedEvent, ClusterState, StateView } from './cluster-state.ts';
import type { Committer, Proposal } from './committer.ts';
import { placementDraft, waitingDraft } from './judge-placement.ts';
import { type Trial, tryOut } from './try-out.ts';
import { FULL_LOOK_MS, WaitingTasks } from './waiting-tasks.ts';

export interface ScheduleLoopOptions {
  readonly state: ClusterState;
  readonly committer: Committer;
  readonly scheduler: Scheduler;
  readonly times: AttemptTimes;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Decisions that are made durable together, at most. */
const BATCH = 1000;

/**
 * So long, in milliseconds, decisions are made without a pause: while these become durable,
 * requests are served.
 */
const PLAN_MS_MAX = 20;

/**
 * Gives waiting tasks a node: highest priority first, then the oldest. A task that no node can
 * take is looked at again when something has changed that could help it.
 */
export class ScheduleLoop {
  readonly #options: ScheduleLoopOptions;
  readonly #loop: Loop;
  readonly #placer: Placer;
  readonly #ledger: Ledger;
  readonly #waiting: WaitingTasks;

  constructor(options: ScheduleLoopOptions) {
    this.#options = options;
    this.#placer = new Placer(options.scheduler);
    this.#ledger = this.#placer.ledger;
    this.#waiting = new WaitingTasks(options);
    this.#loop = new Loop({
      name: 'schedule',
      clock: options.clock,
      logger: options.logger,
      intervalMs: FULL_LOOK_MS,
      pass: (signal) => this.#pass(signal),
    });
  }

  /** Counts what the restored state has on each node, and begins. */
  start(): void {
    for (const node of this.#options.state.nodes()) this.#ledger.upsertNode(node);
    for (const task of this.#options.state.tasks()) this.#ledger.update(task);
    this.#placer.prepare();
    this.#loop.nudge();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  /** Takes note of what has become durable. */
  onPublished({ event, task, node }: AppliedEvent): void {
    if (task !== undefined) {
      const wasPlaced = event.before === 'scheduled' || event.before === 'running';
      if (wasPlaced && !isPlaced(task)) this.#waiting.noteOpportunity();
      this.#ledger.update(task);
      // That it waits was found out here.
      if (event.type !== 'task-waiting') this.#waiting.note(task);
    } else if (event.taskId !== undefined) {
      this.#ledger.release({ id: event.taskId });
      this.#waiting.forget(event.taskId);
    }
    if (node !== undefined) this.#onNode(node, event.type === 'node-observed');
    this.#loop.nudge();
  }

  /** The cluster as the policy would see it now. */
  snapshot(): ClusterSnapshot {
    return this.#ledger.snapshot(this.#options.state.lastNode);
  }

  /** What would become of tasks that are not there yet. */
  tryOut(tasks: readonly Task[]): readonly Trial[] {
    const { scheduler, state } = this.#options;
    return tryOut(tasks, { scheduler, ledger: this.#ledger, lastNode: state.lastNode });
  }

  #onNode(node: Node, isOnlyObserved: boolean): void {
    this.#ledger.upsertNode(node);
    // Measured use only moves scores; it never makes a refused task fit.
    if (!isOnlyObserved) this.#waiting.noteOpportunity();
  }

  async #pass(signal: AbortSignal): Promise<void> {
    const { opportunity } = this.#waiting;
    const ready = this.#waiting.look();
    const { nextDueMs } = this.#waiting;
    if (Number.isFinite(nextDueMs)) this.#loop.nudgeAfter(nextDueMs);
    for (let start = 0; start < ready.length && !signal.aborted; ) {
      start += await this.#place(ready.slice(start, start + BATCH), opportunity);
    }
  }

  /** @returns how many of the tasks, from the first on, there was time for. */
  async #place(tasks: readonly Task[], opportunity: number): Promise<number> {
    const { committer, state } = this.#options;
    const refused: string[] = [];
    let lookedAtCount = 0;
    try {
      await committer.commit((view) => {
        const { drafts, result } = this.#propose(tasks, view, refused);
        lookedAtCount = result;
        return { drafts, result };
      });
    } catch (error) {
      // What was counted ahead of its commit is counted as it stands.
      for (const { id } of tasks) {
        const task = state.findTask(id);
        if (task !== undefined) this.#ledger.update(task);
      }
      throw error;
    }
    for (const id of refused) this.#waiting.noteRefused(id, opportunity);
    return lookedAtCount;
  }

  /** Decides on the tasks in turn. @returns the events, and how many there was time for. */
  #propose(tasks: readonly Task[], view: StateView, refused: string[]): Proposal<number> {
    const { clock, state } = this.#options;
    const drafts: EventDraft[] = [];
    const time = timestamp(clock);
    const startedAt = clock.monotonic();
    const reasons = new Map<Placement, Reason>();
    let lastNode = state.lastNode;
    let count = 0;
    for (const { id, revision } of tasks) {
      if (count > 0 && clock.monotonic() - startedAt > PLAN_MS_MAX) break;
      count += 1;
      const task = view.findTask(id);
      // It has changed since it was looked at; the change has its own wake-up.
      if (task === undefined || task.revision !== revision) continue;
      const decision = this.#placer.decide(task, lastNode);
      const chosen = decision.node;
      const basis = { revision: state.revision, ...(lastNode === undefined ? {} : { lastNode }) };
      const placement = { ...decision, basis };
      if (chosen === undefined) {
        refused.push(id);
        const reason = reasons.get(decision) ?? waitingReason(decision);
        reasons.set(decision, reason);
        const waiting = waitingDraft(task, placement, reason);
        if (waiting !== undefined) drafts.push(waiting);
      } else if (view.findNode(chosen) === state.findNode(chosen)) {
        this.#ledger.promise(task, chosen);
        lastNode = chosen;
        const { attemptFloor } = state;
        drafts.push(placementDraft(task, chosen, { placement, time, attemptFloor }));
      }
      // Otherwise a change of the node is on its way to the disk; it wakes this loop again.
    }
    return { drafts, result: count };
  }
}
