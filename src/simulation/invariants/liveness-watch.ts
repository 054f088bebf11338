import type { CubeEvent } from '../../event/event.ts';

/** Sees to it that no node is called down of which the manager has just heard. */
export class LivenessWatch {
  readonly violations: string[] = [];
  readonly #now: () => number;
  readonly #nodeTimeoutMs: number;
  readonly #heardAt = new Map<string, number>();

  constructor(now: () => number, nodeTimeoutMs: number) {
    this.#now = now;
    this.#nodeTimeoutMs = nodeTimeoutMs;
  }

  onReport(node: string): void {
    this.#heardAt.set(node, this.#now());
  }

  onEvent({ type, node = '', revision }: CubeEvent): void {
    const heardAt = this.#heardAt.get(node);
    if (type !== 'node-went-down' || heardAt === undefined) return;
    const silentMs = this.#now() - heardAt;
    if (silentMs >= this.#nodeTimeoutMs / 2) return;
    this.violations.push(
      `[alive] at revision ${revision}: ${node} is called down, ${Math.round(silentMs)} ms after it was heard`,
    );
  }
}
