import type { Clock } from '../lib/clock.ts';

/** So many losses, counted from the latest, make a node flap while they are so recent. */
const FLAPPING_LOSS_COUNT = 3;
const FLAPPING_WINDOW_MS = 600_000;

/**
 * When nodes that were up were lost, by this manager's own monotonic clock. Only for people to see:
 * nothing is decided by it, so it is not durable, and a manager that has just started knows none.
 */
export class NodeLosses {
  readonly #clock: Clock;
  /** The latest few of each node, oldest first. */
  readonly #lostAt = new Map<string, readonly number[]>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  note(node: string): void {
    const times = [...(this.#lostAt.get(node) ?? []), this.#clock.monotonic()];
    this.#lostAt.set(node, times.slice(-FLAPPING_LOSS_COUNT));
  }

  /** Whether the node comes and goes: it was lost three times or more within ten minutes. */
  isFlapping(node: string): boolean {
    const times = this.#lostAt.get(node) ?? [];
    const [oldest] = times;
    if (oldest === undefined || times.length < FLAPPING_LOSS_COUNT) return false;
    return this.#clock.monotonic() - oldest <= FLAPPING_WINDOW_MS;
  }
}
