import { type Clock, timestamp } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import { Loop } from '../lib/loop.ts';
import type { NodeStats } from '../node/node.ts';
import type { MachineStats } from './machine-stats.ts';

export interface MachineGaugeOptions {
  readonly machine: MachineStats;
  readonly intervalMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The latest measured use of the machine, so that nobody waits for a measurement. */
export class MachineGauge {
  readonly #options: MachineGaugeOptions;
  readonly #loop: Loop;
  #latest: Omit<NodeStats, 'taskCount'>;

  constructor(options: MachineGaugeOptions) {
    const { clock, logger, intervalMs } = options;
    this.#options = options;
    this.#latest = { used: { cpu: 0, memory: 0, disk: 0 }, load: 0, time: timestamp(clock) };
    this.#loop = new Loop({
      name: 'machine-gauge',
      clock,
      logger,
      intervalMs,
      pass: () => this.#measure(),
    });
  }

  get latest(): Omit<NodeStats, 'taskCount'> {
    return this.#latest;
  }

  /** Resolves after the first measurement; one that fails is logged and repeated. */
  async start(): Promise<void> {
    try {
      await this.#measure();
      this.#loop.nudgeAfter(this.#options.intervalMs);
    } catch (error) {
      this.#options.logger.warn({ err: error }, 'The use of the machine could not be measured.');
      this.#loop.nudge();
    }
  }

  async stop(): Promise<void> {
    await this.#loop.stop();
  }

  async #measure(): Promise<void> {
    const { used, load } = await this.#options.machine.sample();
    this.#latest = { used, load, time: timestamp(this.#options.clock) };
  }
}
