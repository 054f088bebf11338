import { type ReadonlySignal, signal } from '@preact/signals';
import type { CubeError } from '../../errors/cube-error.ts';
import { type Clock, sleep, systemClock, type Timer } from '../../lib/clock.ts';
import type { LogLine } from '../../link/protocol.ts';
import { untilVisible, type VisibleDocument, whileVisible } from './page-visibility.ts';
import { plainLogText } from './plain-log-text.ts';
import type { Session } from './session.ts';
import { toCubeError } from './to-cube-error.ts';

/** A line of output, ready to be shown. */
export interface ShownLine {
  readonly number: number;
  readonly stream: LogLine['stream'];
  readonly time: string | undefined;
  readonly text: string;
}

export type LogState =
  | { readonly kind: 'following' }
  /** The connection was lost; what is there may be old. */
  | { readonly kind: 'interrupted' }
  | { readonly kind: 'ended' }
  | { readonly kind: 'failed'; readonly error: CubeError };

const TAIL = 2000;
const LINE_COUNT_MAX = 10_000;
const PULSE_MS = 100;
const RETRY_MS = 1000;
const RETRY_MS_MAX = 10_000;

/**
 * The output of a task's current attempt: its last lines, and then each new one. Where the
 * connection breaks off, it begins again with the last lines that there are then.
 */
export class LogFeed {
  readonly #lines = signal<readonly ShownLine[]>([]);
  readonly #state = signal<LogState>({ kind: 'following' });
  readonly #clock: Clock = systemClock;
  #buffer: ShownLine[] = [];
  #count = 0;
  /** Whether there may be lines before those that are here. */
  #isCut = false;
  #timer: Timer | undefined;

  get lines(): ReadonlySignal<readonly ShownLine[]> {
    return this.#lines;
  }

  get state(): ReadonlySignal<LogState> {
    return this.#state;
  }

  /** Whether lines are missing at the beginning. */
  get isCut(): boolean {
    return this.#isCut;
  }

  /**
   * Resolves when the attempt has ended, or the signal is aborted; never throws. While nobody looks
   * at the page, it leaves its connection to others.
   */
  async run(
    session: Pick<Session, 'client'>,
    id: string,
    options: { readonly document: VisibleDocument; readonly signal: AbortSignal },
  ): Promise<void> {
    const { document, signal } = options;
    let failureCount = 0;
    while (!signal.aborted) {
      await untilVisible(document, signal).catch(() => undefined);
      const visible = whileVisible(document, signal);
      try {
        if (await this.#read(session, id, visible.signal)) failureCount = 0;
        const { status } = await session.client.get(id, { signal: visible.signal });
        if (status.state !== 'running' && status.state !== 'scheduled') {
          this.#state.value = { kind: 'ended' };
          return;
        }
      } catch (thrown) {
        if (visible.signal.aborted) continue;
        const error = toCubeError(thrown);
        if (!error.retryable) {
          this.#state.value = { kind: 'failed', error };
          return;
        }
      } finally {
        visible.release();
      }
      this.#state.value = { kind: 'interrupted' };
      const delayMs = Math.min(RETRY_MS_MAX, RETRY_MS * 2 ** failureCount);
      failureCount += 1;
      await sleep(this.#clock, delayMs, signal).catch(() => undefined);
    }
  }

  /** Until the stream ends. @returns whether anything came. */
  async #read(
    { client }: Pick<Session, 'client'>,
    id: string,
    signal: AbortSignal,
  ): Promise<boolean> {
    let hasRead = false;
    for await (const line of client.logs(id, { follow: true, tail: TAIL, signal })) {
      if (!hasRead) {
        hasRead = true;
        this.#buffer = [];
        this.#count = 0;
        this.#state.value = { kind: 'following' };
      }
      this.#append(line);
    }
    return hasRead;
  }

  #append({ stream, time, text }: LogLine): void {
    this.#count += 1;
    this.#isCut = this.#count >= TAIL;
    this.#buffer.push({ number: this.#count, stream, time, text: plainLogText(text) });
    this.#timer ??= this.#clock.setTimer(PULSE_MS, () => {
      this.#timer = undefined;
      this.#buffer = this.#buffer.slice(-LINE_COUNT_MAX);
      this.#lines.value = [...this.#buffer];
    });
  }
}
