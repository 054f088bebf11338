import { type ReadonlySignal, signal } from '@preact/signals';
import type { CubeError } from '../../errors/cube-error.ts';
import { type Clock, systemClock, type Timer } from '../../lib/clock.ts';
import type { LogLine } from '../../link/protocol.ts';
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
  | { readonly kind: 'ended' }
  | { readonly kind: 'failed'; readonly error: CubeError };

const TAIL = 2000;
const LINE_COUNT_MAX = 10_000;
const PULSE_MS = 100;

/** The output of a task's current attempt: its last lines, and then each new one. */
export class LogFeed {
  readonly #lines = signal<readonly ShownLine[]>([]);
  readonly #state = signal<LogState>({ kind: 'following' });
  readonly #clock: Clock = systemClock;
  #buffer: ShownLine[] = [];
  #count = 0;
  #timer: Timer | undefined;

  get lines(): ReadonlySignal<readonly ShownLine[]> {
    return this.#lines;
  }

  get state(): ReadonlySignal<LogState> {
    return this.#state;
  }

  /** Resolves when the attempt has ended, or the signal is aborted; never throws. */
  async run({ client }: Session, id: string, signal: AbortSignal): Promise<void> {
    try {
      for await (const line of client.logs(id, { follow: true, tail: TAIL, signal })) {
        this.#append(line);
      }
      this.#state.value = { kind: 'ended' };
    } catch (thrown) {
      if (!signal.aborted) this.#state.value = { kind: 'failed', error: toCubeError(thrown) };
    }
  }

  #append({ stream, time, text }: LogLine): void {
    this.#count += 1;
    this.#buffer.push({ number: this.#count, stream, time, text: plainLogText(text) });
    this.#timer ??= this.#clock.setTimer(PULSE_MS, () => {
      this.#timer = undefined;
      this.#buffer = this.#buffer.slice(-LINE_COUNT_MAX);
      this.#lines.value = [...this.#buffer];
    });
  }
}
