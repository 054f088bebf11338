import type { Clock } from '../lib/clock.ts';
import { Slots } from './slots.ts';

/** A start that takes longer waits for something else than the machine: mostly for its image. */
const SLOW_MS = 5000;
const SLOW_FACTOR = 4;

/**
 * Limits how many starts go on at the same time in one runtime. A slow one makes room for the
 * next, so that a few images that take minutes to pull do not hold up what is there already; the
 * slow ones have a limit of their own, since a runtime in trouble is slow with everything.
 */
export class StartGate {
  readonly #brisk: Slots;
  readonly #all: Slots;
  readonly #clock: Clock;

  constructor(count: number, clock: Clock) {
    this.#brisk = new Slots(count);
    this.#all = new Slots(count * SLOW_FACTOR);
    this.#clock = clock;
  }

  /**
   * Waits for the start's turn; the result says that it is over.
   *
   * @throws the signal's reason, when it is aborted before.
   */
  async enter(signal: AbortSignal): Promise<() => void> {
    const leaveAll = await this.#all.take(signal);
    let leaveBrisk: () => void;
    try {
      leaveBrisk = await this.#brisk.take(signal);
    } catch (error) {
      leaveAll();
      throw error;
    }
    const timer = this.#clock.setTimer(SLOW_MS, leaveBrisk);
    return () => {
      timer.cancel();
      leaveBrisk();
      leaveAll();
    };
  }
}
