import { isCubeError } from '../errors/cube-error.ts';
import type { Clock } from '../lib/clock.ts';
import type { AttemptUsage } from '../link/protocol.ts';
import type { Runtime } from '../runtime/runtime.ts';

/** Who asks again within this time gets the same answer, so that several may watch at the cost of one. */
const KEPT_MS = 900;

/** Measures what runs here, and only while somebody asks. */
export class UsageGauge {
  readonly #runtimes: readonly Pick<Runtime, 'usage'>[];
  readonly #clock: Clock;
  #last: { readonly atMs: number; readonly usage: Promise<readonly AttemptUsage[]> } | undefined;

  constructor(options: {
    readonly runtimes: readonly Pick<Runtime, 'usage'>[];
    readonly clock: Clock;
  }) {
    this.#runtimes = options.runtimes;
    this.#clock = options.clock;
  }

  /** Of a runtime that is away nothing is known, and the others are measured all the same. */
  measure(signal: AbortSignal): Promise<readonly AttemptUsage[]> {
    const atMs = this.#clock.monotonic();
    if (this.#last === undefined || atMs - this.#last.atMs >= KEPT_MS) {
      const usage = this.#measure(signal);
      usage.catch(() => {
        this.#last = undefined;
      });
      this.#last = { atMs, usage };
    }
    return this.#last.usage;
  }

  async #measure(signal: AbortSignal): Promise<readonly AttemptUsage[]> {
    const lists = await Promise.all(
      this.#runtimes.map(async (runtime) => {
        try {
          return await runtime.usage(signal);
        } catch (error) {
          if (isCubeError(error, 'runtime-unavailable')) return [];
          throw error;
        }
      }),
    );
    return lists
      .flat()
      .map(({ taskId, attempt, cpu, memory }) => ({ taskId, attempt, cpu, memory }));
  }
}
