import type { Clock, Timer } from '../lib/clock.ts';

interface PendingTimer {
  readonly dueAt: number;
  readonly order: number;
  readonly callback: () => void;
}

/** Begins here unless told otherwise, so that records of simulations look alike. */
const WALL_START = Date.UTC(2030, 0, 1);

/**
 * A clock that moves only when told. Timers run in the order of their times, and everything that
 * a timer sets going is let run to its end, as far as it needs no time, before the next one.
 */
export class VirtualClock implements Clock {
  #monotonic = 0;
  #wall: number;
  #order = 0;
  #timers: PendingTimer[] = [];

  constructor(wallStartMs: number = WALL_START) {
    this.#wall = wallStartMs;
  }

  now(): number {
    return this.#wall + this.#monotonic;
  }

  monotonic(): number {
    return this.#monotonic;
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    const timer = {
      dueAt: this.#monotonic + Math.max(0, delayMs),
      order: this.#order++,
      callback,
    };
    this.#timers.push(timer);
    return {
      cancel: () => {
        this.#timers = this.#timers.filter((one) => one !== timer);
      },
    };
  }

  /** How many timers wait. */
  get timerCount(): number {
    return this.#timers.length;
  }

  /** Moves the wall clock alone, as an operator or a time server would, in milliseconds. */
  stepWall(ms: number): void {
    this.#wall += ms;
  }

  /**
   * Time passes while nobody looks, as when the whole machine is suspended: every timer that
   * should have rung meanwhile rings late, at the next `advance`.
   */
  jump(ms: number): void {
    this.#monotonic += ms;
  }

  /** Lets time pass: every timer due within `ms` milliseconds runs, in order. */
  async advance(ms: number): Promise<void> {
    const end = this.#monotonic + ms;
    await drain();
    for (;;) {
      const next = this.#takeDue(end);
      if (next === undefined) break;
      this.#monotonic = Math.max(this.#monotonic, next.dueAt);
      next.callback();
      await drain();
    }
    this.#monotonic = end;
  }

  #takeDue(end: number): PendingTimer | undefined {
    let first: PendingTimer | undefined;
    for (const timer of this.#timers) {
      if (timer.dueAt > end) continue;
      const isEarlier =
        first === undefined ||
        timer.dueAt < first.dueAt ||
        (timer.dueAt === first.dueAt && timer.order < first.order);
      if (isEarlier) first = timer;
    }
    if (first !== undefined) this.#timers = this.#timers.filter((one) => one !== first);
    return first;
  }
}

/** Runs everything that is ready, promise chains of any length included. */
export function drain(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
