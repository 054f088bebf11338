import { OutputReader } from './output-reader.ts';
import { type OutputLimits, rotateOutput } from './output-rotation.ts';

/**
 * One stream's file with those who read it, so that a rotation and a reading never meet half-way.
 */
export class OutputFile {
  readonly path: string;
  readonly #limits: OutputLimits;
  readonly #options: { readonly collapses?: boolean };
  readonly #readers = new Set<OutputReader>();
  #last: Promise<unknown> = Promise.resolve();

  /** @param options See `rotateOutput`. */
  constructor(path: string, limits: OutputLimits, options: { readonly collapses?: boolean } = {}) {
    this.path = path;
    this.#limits = limits;
    this.#options = options;
  }

  get isRead(): boolean {
    return this.#readers.size > 0;
  }

  /** Cuts the file when it has grown too long. */
  rotate(): Promise<void> {
    return this.#exclusively(async () => {
      const rotation = await rotateOutput(this.path, this.#limits, this.#options);
      if (rotation === undefined) return;
      for (const reader of this.#readers) reader.onRotation(rotation);
    });
  }

  /** A reader from the last `tail` lines on; to be given back by `release`. */
  openReader(tail: number | undefined): Promise<OutputReader> {
    return this.#exclusively(async () => {
      const reader = await OutputReader.open(this.path, {
        rotatedCount: this.#limits.rotatedCount,
        tail,
        exclusively: (read) => this.#exclusively(read),
      });
      this.#readers.add(reader);
      return reader;
    });
  }

  release(reader: OutputReader): void {
    this.#readers.delete(reader);
  }

  #exclusively<Result>(act: () => Promise<Result>): Promise<Result> {
    const turn = this.#last.then(act);
    this.#last = turn.catch(() => undefined);
    return turn;
  }
}
