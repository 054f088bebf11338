import type { Clock } from '../lib/clock.ts';
import { isFinal, isPlaced, type Task } from '../task/task.ts';
import type { AttemptTimes } from './attempt-times.ts';
import type { ClusterState } from './cluster-state.ts';

export interface WaitingTasksOptions {
  readonly state: ClusterState;
  readonly times: AttemptTimes;
  readonly clock: Clock;
}

/** As a safety net every waiting task is looked at this often, in milliseconds. */
export const FULL_LOOK_MS = 30_000;

/**
 * Which waiting tasks are worth a look: those that are new or have changed, those whose restart
 * has come due, and those that were refused, once something has changed that could help them. What
 * a look costs depends on these and not on how many wait.
 */
export class WaitingTasks {
  readonly #options: WaitingTasksOptions;
  /** To be looked at, each time until it is placed, refused or found to be delayed. */
  readonly #fresh = new Set<string>();
  /** Refused, and for each the opportunity that it has had. */
  readonly #refused = new Map<string, number>();
  /** Failed, and not due yet. */
  readonly #delayed = new Set<string>();
  /** Grows whenever room or a node may have become available. */
  #opportunity = 1;
  /** The opportunity for which refused tasks were made fresh last. */
  #refreshedFor = 0;
  /** By the monotonic clock. */
  #nextDueAt = Number.POSITIVE_INFINITY;
  #fullLookAt = Number.NEGATIVE_INFINITY;

  constructor(options: WaitingTasksOptions) {
    this.#options = options;
  }

  get opportunity(): number {
    return this.#opportunity;
  }

  /** How long until a restart is due, in milliseconds; infinite where none waits for its time. */
  get nextDueMs(): number {
    return Math.max(0, this.#nextDueAt - this.#options.clock.monotonic());
  }

  /** Something has changed that may let refused tasks run. */
  noteOpportunity(): void {
    this.#opportunity += 1;
  }

  /** A task is new or has changed; only what waits is kept. */
  note(task: Task): void {
    const { id, status } = task;
    this.forget(id);
    if (status.desired === 'running' && !isPlaced(task) && !isFinal(task)) this.#fresh.add(id);
  }

  /** The task was refused at that opportunity. */
  noteRefused(id: string, opportunity: number): void {
    this.#fresh.delete(id);
    this.#refused.set(id, opportunity);
  }

  forget(id: string): void {
    this.#fresh.delete(id);
    this.#refused.delete(id);
    this.#delayed.delete(id);
  }

  /** The tasks to look at now: highest priority first, then the oldest. */
  look(): readonly Task[] {
    const { state, times } = this.#options;
    const ready: Task[] = [];
    this.#refresh();
    for (const id of this.#fresh) {
      const task = state.findTask(id);
      if (task === undefined || !state.waiting.has(id)) {
        this.forget(id);
        continue;
      }
      const dueInMs = times.dueInMs(id);
      if (dueInMs > 0) this.#delay(id, dueInMs);
      else ready.push(task);
    }
    return ready.sort(
      (a, b) => b.spec.priority - a.spec.priority || a.createdRevision - b.createdRevision,
    );
  }

  /** Makes fresh again what is worth another look. It stays so until something comes of it. */
  #refresh(): void {
    const now = this.#options.clock.monotonic();
    if (now >= this.#nextDueAt) {
      this.#nextDueAt = Number.POSITIVE_INFINITY;
      for (const id of this.#delayed) this.#fresh.add(id);
      this.#delayed.clear();
    }
    if (this.#refreshedFor !== this.#opportunity) {
      this.#refreshedFor = this.#opportunity;
      for (const [id, opportunity] of this.#refused) {
        if (opportunity === this.#opportunity) continue;
        this.#refused.delete(id);
        this.#fresh.add(id);
      }
    }
    if (now - this.#fullLookAt >= FULL_LOOK_MS) {
      this.#fullLookAt = now;
      for (const id of this.#options.state.waiting) {
        if (!this.#refused.has(id) && !this.#delayed.has(id)) this.#fresh.add(id);
      }
    }
  }

  #delay(id: string, dueInMs: number): void {
    this.#fresh.delete(id);
    this.#delayed.add(id);
    const dueAt = this.#options.clock.monotonic() + dueInMs;
    this.#nextDueAt = Math.min(this.#nextDueAt, dueAt);
  }
}
