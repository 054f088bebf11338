import { type FSWatcher, watch } from 'node:fs';
import type { Clock } from '../../lib/clock.ts';
import type { LogLine } from '../../link/protocol.ts';
import type { OutputReader } from './output-reader.ts';

/** Looks at the files this often although nobody said that they changed. */
const POLL_MS = 1000;

export interface OutputSource {
  readonly stream: 'stdout' | 'stderr';
  readonly path: string;
  readonly reader: OutputReader;
}

export interface FollowOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Whether no more output will come. Asked before each reading. */
  readonly hasEnded: () => Promise<boolean>;
}

/** Lines as they come, until the instance has ended and everything was read. */
export async function* followOutput(
  sources: readonly OutputSource[],
  options: FollowOptions,
): AsyncGenerator<LogLine> {
  using wakeUp = new WakeUp(options);
  for (const { path } of sources) wakeUp.watch(path);
  for (;;) {
    // Asked before reading: what was written before the end is read after it.
    const flush = await options.hasEnded();
    yield* readOutput(sources, { flush, signal: options.signal });
    if (flush) return;
    await wakeUp.wait();
  }
}

/** What has been written so far: of the standard output first, then of the error output. */
export async function* readOutput(
  sources: readonly OutputSource[],
  options: { readonly flush: boolean; readonly signal: AbortSignal },
): AsyncGenerator<LogLine> {
  for (const { stream, reader } of sources) {
    for await (const text of reader.read(options)) {
      options.signal.throwIfAborted();
      yield { stream, text };
    }
  }
}

/** Waits until a file changes or some time has passed. A change during a reading is kept. */
class WakeUp implements Disposable {
  readonly #options: Pick<FollowOptions, 'clock' | 'signal'>;
  readonly #watchers: FSWatcher[] = [];
  #isDue = false;
  #wake: (() => void) | undefined;

  constructor(options: Pick<FollowOptions, 'clock' | 'signal'>) {
    this.#options = options;
  }

  watch(path: string): void {
    const nudge = (): void => {
      this.#isDue = true;
      this.#wake?.();
    };
    try {
      const watcher = watch(path, { persistent: false }, nudge);
      // Without a watcher the poll remains.
      watcher.on('error', () => watcher.close());
      this.#watchers.push(watcher);
    } catch {
      // No watches are left on this machine, or the file is gone: the poll remains.
    }
  }

  async wait(): Promise<void> {
    const { clock, signal } = this.#options;
    signal.throwIfAborted();
    if (!this.#isDue) {
      await new Promise<void>((resolve) => {
        const timer = clock.setTimer(POLL_MS, resolve);
        this.#wake = () => {
          timer.cancel();
          resolve();
        };
        signal.addEventListener('abort', this.#wake, { once: true });
      });
      if (this.#wake !== undefined) signal.removeEventListener('abort', this.#wake);
      this.#wake = undefined;
    }
    this.#isDue = false;
    signal.throwIfAborted();
  }

  [Symbol.dispose](): void {
    for (const watcher of this.#watchers) watcher.close();
  }
}
