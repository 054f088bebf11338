import { OutputReader } from './output-reader.ts';
import { type OutputLimits, rotateOutput } from './output-rotation.ts';

/**
 * One stream's file with those who read it, so that a rotation and a reading never meet half-way.
 */
export class OutputFile {
  readonly path: string;
  readonly #limits: OutputLimits;
  readonly #readers = new Set<OutputReader>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(path: string, limits: OutputLimits) {
    this.path = path;
    this.#limits = limits;
  }

  get isRead(): boolean {
    return this.#readers.size > 0;
  }

  /** Cuts the file when it has grown too long. */
  rotate(): Promise<void> {
    return this.#exclusively(async () => {
      const cutBytes = await rotateOutput(this.path, this.#limits);
      if (cutBytes === undefined) return;
      for (const reader of this.#readers) reader.onRotation(cutBytes);
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
