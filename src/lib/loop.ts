import type { Clock, Timer } from './clock.ts';
import type { Logger } from './logger.ts';
import type { Random } from './random.ts';

export interface LoopOptions {
  readonly name: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** One pass. Never called while another pass of this loop runs. */
  readonly pass: (signal: AbortSignal) => Promise<void> | void;
  /** Runs a pass this often even if nobody nudges, in milliseconds; the safety net. */
  readonly intervalMs?: number;
  /** Wait after the first failed pass; doubles up to `retryMsMax`. Default 100 ms. */
  readonly retryMs?: number;
  /** Default 10 s. */
  readonly retryMsMax?: number;
  /**
   * Shortens each wait after a failure by up to half, so that loops that failed together do not
   * come again together, nor in step with what makes them fail. Default: no wait is shortened.
   */
  readonly random?: Random;
}

/** So many failures in a row are told more quietly: with the default pauses, less than a second of them. */
const ALARMING_FAILURE_COUNT = 3;

/**
 * The one way in which Cube repeats work: passes never overlap, a nudge during a pass leads to
 * one more pass, and a failing pass is repeated with growing pauses. A pass must look at state,
 * not at what nudged it, so that any number of nudges may be merged into one.
 */
export class Loop {
  readonly #options: LoopOptions;
  readonly #abort = new AbortController();
  #running: Promise<void> | undefined;
  #nudged = false;
  #failureCount = 0;
  /** A failed pass waits for its retry; nudges meanwhile do not shorten the wait. */
  #pausing = false;
  #timer: Timer | undefined;
  #dueAt = Number.POSITIVE_INFINITY;

  constructor(options: LoopOptions) {
    this.#options = options;
  }

  /** Asks for a pass as soon as possible. Does nothing once stopped. */
  nudge(): void {
    if (this.#abort.signal.aborted) return;
    this.#nudged = true;
    if (this.#running !== undefined || this.#pausing) return;
    this.#running = this.#drain().finally(() => {
      this.#running = undefined;
      if (this.#nudged) this.nudge();
    });
  }

  /** Asks for a pass in `delayMs` milliseconds at the latest; an earlier wish is kept. */
  nudgeAfter(delayMs: number): void {
    this.#arm(delayMs);
  }

  /** Ends the loop: the running pass sees its signal aborted, and is waited for. */
  async stop(): Promise<void> {
    this.#abort.abort();
    this.#timer?.cancel();
    this.#nudged = false;
    await this.#running;
  }

  async #drain(): Promise<void> {
    // A pass begins in a microtask of its own, so that nudges of one synchronous burst merge.
    await null;
    while (this.#nudged && !this.#abort.signal.aborted) {
      this.#nudged = false;
      this.#dueAt = Number.POSITIVE_INFINITY;
      this.#timer?.cancel();
      try {
        await this.#options.pass(this.#abort.signal);
        this.#failureCount = 0;
        if (this.#options.intervalMs !== undefined) this.#arm(this.#options.intervalMs);
      } catch (error) {
        if (this.#abort.signal.aborted) return;
        this.#onFailure(error);
        return;
      }
    }
  }

  #onFailure(error: unknown): void {
    const { retryMs = 100, retryMsMax = 10_000, logger, name, random } = this.#options;
    const fullMs = Math.min(retryMsMax, retryMs * 2 ** this.#failureCount);
    const delayMs = random === undefined ? fullMs : fullMs * (1 - random.next() / 2);
    this.#failureCount += 1;
    this.#pausing = true;
    this.#timer?.cancel();
    this.#dueAt = Number.POSITIVE_INFINITY;
    // What the next tries mend by themselves, such as somebody who is just starting, alarms nobody.
    // Neither does a stack trace, until then.
    const words = 'A pass failed; it is repeated.';
    const facts = { loop: name, retryInMs: Math.round(delayMs) };
    if (this.#failureCount > ALARMING_FAILURE_COUNT) logger.warn({ ...facts, err: error }, words);
    else logger.info({ ...facts, why: error instanceof Error ? error.message : error }, words);
    this.#arm(delayMs);
  }

  #arm(delayMs: number): void {
    if (this.#abort.signal.aborted) return;
    const dueAt = this.#options.clock.monotonic() + delayMs;
    if (dueAt >= this.#dueAt) return;
    this.#timer?.cancel();
    this.#dueAt = dueAt;
    this.#timer = this.#options.clock.setTimer(delayMs, () => {
      this.#dueAt = Number.POSITIVE_INFINITY;
      this.#pausing = false;
      this.nudge();
    });
  }
}
