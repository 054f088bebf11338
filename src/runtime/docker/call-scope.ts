import type { Clock, Timer } from '../../lib/clock.ts';

export interface CallScopeOptions {
  /** Each of these ends the scope. */
  readonly signals: readonly AbortSignal[];
  readonly timeoutMs: number;
  readonly clock: Clock;
}

/**
 * The bounds of one call: ends when a signal is aborted or its time is over, whichever is first,
 * and then ends the call through its own signal. Close it when the call is over.
 */
export class CallScope {
  readonly timeoutMs: number;
  /** How the scope ended, if it did before it was closed. */
  ended: 'aborted' | 'timeout' | undefined;
  /** The reason of the signal that ended it. */
  reason: unknown;
  readonly #controller = new AbortController();
  readonly #over = Promise.withResolvers<never>();
  readonly #clock: Clock;
  readonly #timer: Timer;
  #failTimer: Timer | undefined;
  #isSettled = false;
  readonly #signals: readonly AbortSignal[];

  constructor({ signals, timeoutMs, clock }: CallScopeOptions) {
    this.timeoutMs = timeoutMs;
    this.#clock = clock;
    this.#signals = signals;
    // It is raced against; where nothing races, its rejection is no fault.
    this.#over.promise.catch(() => undefined);
    this.#timer = clock.setTimer(timeoutMs, () => this.#end('timeout'));
    for (const signal of signals) signal.addEventListener('abort', this.#onAbort);
    if (signals.some((signal) => signal.aborted)) this.#onAbort();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The promise's outcome, or a rejection as soon as the scope ends. */
  race<Result>(promise: Promise<Result>): Promise<Result> {
    return Promise.race([promise, this.#over.promise]);
  }

  /** From now on only the signals end it. */
  settle(): void {
    this.#isSettled = true;
    this.#timer.cancel();
    this.#failTimer?.cancel();
  }

  /** Ends the call with an error of its own, unless it is over by then. */
  failAfter(delayMs: number, error: Error): void {
    if (this.#isSettled) return;
    this.#failTimer ??= this.#clock.setTimer(delayMs, () => this.#over.reject(error));
  }

  close(): void {
    this.settle();
    for (const signal of this.#signals) signal.removeEventListener('abort', this.#onAbort);
  }

  readonly #onAbort = (): void => {
    this.reason ??= this.#signals.find((signal) => signal.aborted)?.reason;
    this.#end('aborted');
  };

  #end(how: 'aborted' | 'timeout'): void {
    if (this.ended !== undefined) return;
    this.ended = how;
    const error = new Error(`The call was ended: ${how}.`);
    this.#over.reject(error);
    this.#controller.abort(error);
  }
}
