import type { Clock, Timer } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import type { AttemptKey } from '../link/protocol.ts';

/** How often progress is told, in milliseconds, and how long a start takes before it is told at all. */
const PROGRESS_MS = 500;

/**
 * What a start says of its progress, made rarer. A start that takes no longer than a blink is
 * not worth a record of it, which would hold up the start itself.
 */
export class StartProgress {
  readonly #key: AttemptKey;
  readonly #tell: (progress: string) => Promise<void>;
  readonly #context: { readonly clock: Clock; readonly logger: Logger };
  #latest = '';
  #timer: Timer | undefined;
  #isOver = false;

  constructor(
    key: AttemptKey,
    tell: (progress: string) => Promise<void>,
    context: { readonly clock: Clock; readonly logger: Logger },
  ) {
    this.#key = key;
    this.#tell = tell;
    this.#context = context;
  }

  note(progress: string): void {
    if (this.#isOver) return;
    this.#latest = progress;
    this.#timer ??= this.#context.clock.setTimer(PROGRESS_MS, () => {
      this.#timer = undefined;
      void this.#tellLatest();
    });
  }

  /** The start is over: nothing is told any more. */
  end(): void {
    this.#isOver = true;
    this.#timer?.cancel();
  }

  async #tellLatest(): Promise<void> {
    try {
      await this.#tell(this.#latest);
    } catch (error) {
      const { taskId, attempt } = this.#key;
      const fields = { err: error, taskId, attempt };
      this.#context.logger.warn(fields, 'Progress could not be recorded.');
    }
  }
}
