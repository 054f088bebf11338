import type { EventDraft } from '../event/event.ts';
import { type Clock, timestamp } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import { Loop } from '../lib/loop.ts';
import type { Node } from '../node/node.ts';
import type { Ledger } from '../scheduler/ledger.ts';
import { Placer } from '../scheduler/placer.ts';
import type { ClusterSnapshot, Scheduler } from '../scheduler/scheduler.ts';
import { isFinal, isPlaced, type Task } from '../task/task.ts';
import type { AttemptTimes } from './attempt-times.ts';
import type { AppliedEvent, ClusterState, StateView } from './cluster-state.ts';
import type { Committer, Plan } from './committer.ts';
import { placementDraft, waitingDraft } from './judge-placement.ts';
import { type Trial, tryOut } from './try-out.ts';

export interface ScheduleLoopOptions {
  readonly state: ClusterState;
  readonly committer: Committer;
  readonly scheduler: Scheduler;
  readonly times: AttemptTimes;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Decisions that are made durable together. */
const BATCH = 500;

/** As a safety net every waiting task is looked at this often, in milliseconds. */
const FULL_PASS_MS = 30_000;

/**
 * Gives waiting tasks a node: highest priority first, then the oldest. A task that no node can
 * take is looked at again when something has changed that could help it.
 */
export class ScheduleLoop {
  readonly #options: ScheduleLoopOptions;
  readonly #loop: Loop;
  readonly #placer: Placer;
  readonly #ledger: Ledger;
  /** Grows whenever room or a node may have become available. */
  #opportunity = 1;
  /** The opportunity at which a task was refused last. */
  readonly #refusedAt = new Map<string, number>();

  constructor(options: ScheduleLoopOptions) {
    this.#options = options;
    this.#placer = new Placer(options.scheduler);
    this.#ledger = this.#placer.ledger;
    this.#loop = new Loop({
      name: 'schedule',
      clock: options.clock,
      logger: options.logger,
      intervalMs: FULL_PASS_MS,
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
      if (wasPlaced && !isPlaced(task)) this.#opportunity += 1;
      this.#ledger.update(task);
      if (isFinal(task) || isPlaced(task)) this.#refusedAt.delete(task.id);
    } else if (event.taskId !== undefined) {
      this.#ledger.release({ id: event.taskId });
      this.#refusedAt.delete(event.taskId);
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
    if (!isOnlyObserved) this.#opportunity += 1;
  }

  async #pass(signal: AbortSignal): Promise<void> {
    const opportunity = this.#opportunity;
    const ready = this.#ready(opportunity);
    for (let start = 0; start < ready.length && !signal.aborted; start += BATCH) {
      await this.#place(ready.slice(start, start + BATCH), opportunity);
    }
  }

  /** The tasks to look at now, in their order; arms the loop for those whose time will come. */
  #ready(opportunity: number): readonly Task[] {
    const { state, times } = this.#options;
    const ready: Task[] = [];
    let nextDueMs = Number.POSITIVE_INFINITY;
    for (const id of state.waiting) {
      const task = state.findTask(id);
      if (task === undefined || this.#refusedAt.get(id) === opportunity) continue;
      const dueInMs = times.dueInMs(id);
      if (dueInMs > 0) nextDueMs = Math.min(nextDueMs, dueInMs);
      else ready.push(task);
    }
    if (Number.isFinite(nextDueMs)) this.#loop.nudgeAfter(nextDueMs);
    return ready.sort(
      (a, b) => b.spec.priority - a.spec.priority || a.createdRevision - b.createdRevision,
    );
  }

  async #place(tasks: readonly Task[], opportunity: number): Promise<void> {
    const { committer, state } = this.#options;
    const refused: string[] = [];
    try {
      await committer.commit((view) => this.#plan(tasks, view, refused));
    } catch (error) {
      // What was counted ahead of its commit is counted as it stands.
      for (const { id } of tasks) {
        const task = state.findTask(id);
        if (task !== undefined) this.#ledger.update(task);
      }
      throw error;
    }
    for (const id of refused) this.#refusedAt.set(id, opportunity);
  }

  #plan(tasks: readonly Task[], view: StateView, refused: string[]): Plan<undefined> {
    const { clock, state } = this.#options;
    const drafts: EventDraft[] = [];
    const time = timestamp(clock);
    let lastNode = state.lastNode;
    for (const { id, revision } of tasks) {
      const task = view.findTask(id);
      // It has changed since it was looked at; the change has its own wake-up.
      if (task === undefined || task.revision !== revision) continue;
      const decision = this.#placer.decide(task, lastNode);
      const chosen = decision.node;
      const basis = { revision: state.revision, ...(lastNode === undefined ? {} : { lastNode }) };
      const placement = { ...decision, basis };
      if (chosen === undefined) {
        refused.push(id);
        const waiting = waitingDraft(task, placement);
        if (waiting !== undefined) drafts.push(waiting);
      } else if (view.findNode(chosen) === state.findNode(chosen)) {
        this.#ledger.promise(task, chosen);
        lastNode = chosen;
        drafts.push(placementDraft(task, chosen, { placement, time }));
      }
      // Otherwise a change of the node is on its way to the disk; it wakes this loop again.
    }
    return { drafts, result: undefined };
  }
}
