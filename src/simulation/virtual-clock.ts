import type { Clock, Timer } from '../lib/clock.ts';

interface PendingTimer {
  readonly dueAt: number;
  readonly order: number;
  readonly callback: () => void;
  state: 'waits' | 'rang' | 'cancelled';
}

/** Begins here unless told otherwise, so that records of simulations look alike. */
const WALL_START = Date.UTC(2030, 0, 1);

/** So many cancelled timers may lie about before they are cleared away. */
const CANCELLED_MAX = 64;

/**
 * A clock that moves only when told. Timers run in the order of their times, and everything that
 * a timer sets going is let run to its end, as far as it needs no time, before the next one.
 */
export class VirtualClock implements Clock {
  #monotonic = 0;
  #wall: number;
  #order = 0;
  /** A binary heap, the next one first; cancelled ones lie among the others until they come up. */
  #heap: PendingTimer[] = [];
  #cancelledCount = 0;

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
    const dueAt = this.#monotonic + Math.max(0, delayMs);
    const timer: PendingTimer = { dueAt, order: this.#order++, callback, state: 'waits' };
    this.#push(timer);
    return { cancel: () => this.#cancel(timer) };
  }

  /** How many timers wait. */
  get timerCount(): number {
    return this.#heap.length - this.#cancelledCount;
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

  #cancel(timer: PendingTimer): void {
    if (timer.state !== 'waits') return;
    timer.state = 'cancelled';
    this.#cancelledCount += 1;
    const isCrowded = this.#cancelledCount > Math.max(CANCELLED_MAX, this.#heap.length / 2);
    if (!isCrowded) return;
    // A sorted list is a heap.
    this.#heap = this.#heap.filter(({ state }) => state === 'waits').sort(byTime);
    this.#cancelledCount = 0;
  }

  #takeDue(end: number): PendingTimer | undefined {
    for (;;) {
      const [first] = this.#heap;
      if (first === undefined || (first.state === 'waits' && first.dueAt > end)) return undefined;
      this.#removeFirst();
      if (first.state === 'waits') {
        first.state = 'rang';
        return first;
      }
      this.#cancelledCount -= 1;
    }
  }

  #push(timer: PendingTimer): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push(timer);
    while (index > 0) {
      const above = (index - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || byTime(parent, timer) < 0) break;
      heap[index] = parent;
      index = above;
    }
    heap[index] = timer;
  }

  #removeFirst(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      const left = heap[2 * index + 1];
      const right = heap[2 * index + 2];
      if (left === undefined) break;
      const isRight = right !== undefined && byTime(right, left) < 0;
      const child = isRight ? right : left;
      if (byTime(last, child) < 0) break;
      heap[index] = child;
      index = 2 * index + (isRight ? 2 : 1);
    }
    heap[index] = last;
  }
}

/** Negative when one rings before the other. */
function byTime(one: PendingTimer, other: PendingTimer): number {
  return one.dueAt - other.dueAt || one.order - other.order;
}

/** Runs everything that is ready, promise chains of any length included. */
export function drain(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
