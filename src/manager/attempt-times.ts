import type { Clock } from '../lib/clock.ts';
import type { Task } from '../task/task.ts';

/**
 * When attempts began and when restarts are due, by this manager's own monotonic clock. Not
 * durable: after a restart of the manager every wait is served anew in full, and every running
 * attempt counts as just begun, so that no stepped wall clock can shorten a back-off.
 */
export class AttemptTimes {
  readonly #clock: Clock;
  readonly #runningSince = new Map<string, number>();
  readonly #dueAt = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Takes note of a task as it has become. */
  note(task: Task): void {
    const { id, status } = task;
    if (status.state !== 'running') this.#runningSince.delete(id);
    else if (!this.#runningSince.has(id)) this.#runningSince.set(id, this.#clock.monotonic());
    if (status.state !== 'failed' || status.restartDelayMs === undefined) this.#dueAt.delete(id);
    else if (!this.#dueAt.has(id) || status.restartDelayMs === 0) {
      this.#dueAt.set(id, this.#clock.monotonic() + status.restartDelayMs);
    }
  }

  forget(id: string): void {
    this.#runningSince.delete(id);
    this.#dueAt.delete(id);
  }

  /** How long the current attempt has run, in milliseconds; 0 if it does not. */
  ranMs(id: string): number {
    const since = this.#runningSince.get(id);
    return since === undefined ? 0 : this.#clock.monotonic() - since;
  }

  /** How long until the task may be started again, in milliseconds; 0 when it may now. */
  dueInMs(id: string): number {
    const dueAt = this.#dueAt.get(id);
    return dueAt === undefined ? 0 : Math.max(0, dueAt - this.#clock.monotonic());
  }
}
