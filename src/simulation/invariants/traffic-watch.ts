import type { Route } from '../network/simulated-network.ts';

/** Requests from one process to another within a second of virtual time; more are a storm. */
const REQUESTS_PER_SECOND_MAX = 75;

/** Sees to it that nobody asks again and again without a pause. */
export class TrafficWatch {
  readonly violations: string[] = [];
  readonly #now: () => number;
  readonly #windows = new Map<string, { second: number; count: number }>();

  constructor(now: () => number) {
    this.#now = now;
  }

  onRequest({ from, to }: Route): void {
    const route = `${from} to ${to}`;
    const second = Math.floor(this.#now() / 1000);
    const window = this.#windows.get(route);
    if (window?.second !== second) {
      this.#windows.set(route, { second, count: 1 });
      return;
    }
    window.count += 1;
    if (window.count !== REQUESTS_PER_SECOND_MAX) return;
    this.violations.push(`[bounded] at ${second} s: ${window.count} requests from ${route}`);
  }
}
