import type { Clock } from '../lib/clock.ts';
import type { AttemptKey } from '../link/protocol.ts';
import { type AttemptRecord, attemptKeyText } from '../store/attempt-repository.ts';
import type { AttemptBook, AttemptChange } from './attempt-book.ts';

/**
 * Since when attempts run, by the monotonic clock of this life of the worker, as the manager does
 * it for its tasks: what ran before a restart of the worker counts as just begun, so that no stepped
 * wall clock can make a short run a long one.
 */
export class RunTimes {
  readonly #clock: Clock;
  readonly #runningSince = new Map<string, number>();

  constructor(book: AttemptBook, clock: Clock) {
    this.#clock = clock;
    for (const record of book.all()) this.#note(record);
  }

  onChanges(changes: readonly AttemptChange[]): void {
    for (const { before, after } of changes) {
      if (after !== undefined) this.#note(after);
      else if (before !== undefined) this.#runningSince.delete(attemptKeyText(before));
    }
  }

  /** How long an attempt has run, in milliseconds; 0 if it does not. */
  ranMs(key: AttemptKey): number {
    const since = this.#runningSince.get(attemptKeyText(key));
    return since === undefined ? 0 : this.#clock.monotonic() - since;
  }

  #note(record: AttemptRecord): void {
    const key = attemptKeyText(record);
    if (record.observation.phase !== 'running') this.#runningSince.delete(key);
    else if (!this.#runningSince.has(key)) this.#runningSince.set(key, this.#clock.monotonic());
  }
}
