import type { Clock, Timer } from '../../lib/clock.ts';

/**
 * The clock of one simulated machine. Time passes on all of them alike; what each one's wall clock
 * shows is its own affair, outlives its processes, and may step in either direction.
 */
export class MachineClock implements Clock {
  readonly #time: Clock;
  #aheadMs = 0;

  constructor(time: Clock) {
    this.#time = time;
  }

  now(): number {
    return this.#time.now() + this.#aheadMs;
  }

  monotonic(): number {
    return this.#time.monotonic();
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    return this.#time.setTimer(delayMs, callback);
  }

  /** Moves the wall clock of this machine alone, in milliseconds. */
  stepWall(ms: number): void {
    this.#aheadMs += ms;
  }
}
