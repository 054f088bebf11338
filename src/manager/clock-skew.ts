/** Words of a worker that are remembered. */
const MEMORY = 8;

/**
 * How far another clock is ahead, told by the times that come from it. A time is old when it comes,
 * by however long it was on its way, so that the latest seems behind; of several, the one that was
 * fastest is nearest to the truth. Only shown: nothing is decided by the clock of a worker.
 */
export class ClockSkew {
  readonly #seen: number[] = [];

  /** @param time RFC 3339, by the other clock; `nowMs`: by ours. */
  note(time: string, nowMs: number): void {
    this.#seen.push(Date.parse(time) - nowMs);
    if (this.#seen.length > MEMORY) this.#seen.shift();
  }

  /** 0 before anything was heard. */
  get ms(): number {
    return this.#seen.length === 0 ? 0 : Math.max(...this.#seen);
  }
}
