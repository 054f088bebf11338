import { messageOf } from '../errors/cube-error.ts';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import { Loop } from '../lib/loop.ts';
import type { WorkerList } from '../link/protocol.ts';
import type { ClusterState } from './cluster-state.ts';
import type { WorkerLink } from './worker-link.ts';

export interface SeedLoopOptions {
  readonly state: ClusterState;
  readonly link: WorkerLink;
  readonly workerAddresses: readonly string[];
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onFound: (found: {
    readonly address: string;
    readonly list: WorkerList;
  }) => Promise<void>;
}

const RETRY_MS = 2000;

/** Looks for the workers that were named on the manager's command line until each has answered. */
export class SeedLoop {
  readonly #options: SeedLoopOptions;
  readonly #loop: Loop;

  constructor(options: SeedLoopOptions) {
    this.#options = options;
    this.#loop = new Loop({
      name: 'seed',
      clock: options.clock,
      logger: options.logger,
      pass: (signal) => this.#pass(signal),
    });
  }

  start(): void {
    if (this.#options.workerAddresses.length > 0) this.#loop.nudge();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  async #pass(signal: AbortSignal): Promise<void> {
    const { state, workerAddresses } = this.#options;
    const known = new Set(state.nodes().map(({ address }) => address));
    const missing = workerAddresses.filter((address) => !known.has(address));
    await Promise.all(missing.map((address) => this.#look(address, signal)));
    const isComplete = missing.every((address) =>
      state.nodes().some((node) => node.address === address),
    );
    if (!isComplete) this.#loop.nudgeAfter(RETRY_MS);
  }

  async #look(address: string, signal: AbortSignal): Promise<void> {
    const { link, logger, onFound } = this.#options;
    try {
      await onFound({ address, list: await link.list(address, signal) });
    } catch (error) {
      logger.warn({ address, problem: messageOf(error) }, 'A listed worker does not join yet.');
    }
  }
}
