import type { TimedLine } from './timed-lines.ts';

/** So many lines wait at most for one that is older. */
const HELD_COUNT_MAX = 1000;

/**
 * Puts lines of both outputs into the order of their times. An engine sends what it read from two
 * pipes in the order in which it came to it, so neighbours may have changed places; lines are held
 * for a moment, and given in order.
 */
export class LineOrder {
  #held: TimedLine[] = [];

  get heldCount(): number {
    return this.#held.length;
  }

  /** Takes lines in, and gives those that need not wait any longer. */
  push(lines: readonly TimedLine[]): TimedLine[] {
    this.#held.push(...lines);
    if (this.#held.length <= HELD_COUNT_MAX) return [];
    this.#sort();
    return this.#held.splice(0, this.#held.length - HELD_COUNT_MAX / 2);
  }

  /** All that is held. */
  flush(): TimedLine[] {
    this.#sort();
    return this.#held.splice(0);
  }

  /** Stable, so that lines of one moment stay as they came. */
  #sort(): void {
    this.#held.sort((one, other) => (one.time < other.time ? -1 : one.time > other.time ? 1 : 0));
  }
}
