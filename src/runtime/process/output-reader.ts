import { LogLineSplitter } from '../log-line-splitter.ts';
import { LOST_MARK } from './output-rotation.ts';
import { findSegments, findStats, findTail, readRange } from './output-segments.ts';

const READ_BYTES = 256 * 1024;

export interface OutputReaderOptions {
  readonly rotatedCount: number;
  readonly tail: number | undefined;
  /** Keeps rotations away while something is read. */
  readonly exclusively: <Result>(read: () => Promise<Result>) => Promise<Result>;
}

/**
 * Reads one stream of an instance from a point on, again and again as it grows, over rotations:
 * whoever rotates tells it by `onRotation`.
 */
export class OutputReader {
  readonly #path: string;
  readonly #rotatedCount: number;
  readonly #exclusively: OutputReaderOptions['exclusively'];
  #splitter = new LogLineSplitter();
  /** The next line begins somewhere in its middle, and is left out. */
  #isInMiddle = false;
  /** Next byte to read of the file being written; negative: so far back in what was rotated. */
  #offset = 0;

  #tailLineCount = 0;

  private constructor(path: string, options: OutputReaderOptions) {
    this.#path = path;
    this.#rotatedCount = options.rotatedCount;
    this.#exclusively = options.exclusively;
  }

  /** Begins with the last `tail` lines; with everything kept where absent. */
  static async open(path: string, options: OutputReaderOptions): Promise<OutputReader> {
    const reader = new OutputReader(path, options);
    const segments = await findSegments(path, options.rotatedCount);
    const rotatedBytes = segments
      .filter((segment) => segment.path !== path)
      .reduce((sum, segment) => sum + segment.sizeBytes, 0);
    if (options.tail === undefined) {
      reader.#offset = -rotatedBytes;
    } else {
      const { begin, lineCount } = await findTail(segments, options.tail);
      reader.#offset = begin - rotatedBytes;
      reader.#tailLineCount = lineCount;
    }
    return reader;
  }

  /** How many lines there were to begin with, where a tail was asked for. */
  get tailLineCount(): number {
    return this.#tailLineCount;
  }

  /** The file was cut to nothing after its last part had been copied away. */
  onRotation(sizeBytes: number): void {
    this.#offset -= sizeBytes;
  }

  /** The lines completed by what was written since; the unfinished one too with `flush`. */
  async *read(options: { readonly flush: boolean }): AsyncGenerator<string> {
    for (;;) {
      const chunk = await this.#exclusively(() => this.#readNext());
      if (chunk === undefined) break;
      yield* chunk;
    }
    if (options.flush) yield* this.#splitter.flush();
  }

  async #readNext(): Promise<readonly string[] | undefined> {
    if (this.#offset < 0) return this.#readRotated();
    const size = (await findStats(this.#path))?.size ?? 0;
    // Cut by somebody else: what is there now is new.
    if (size < this.#offset) this.#offset = 0;
    const before = this.#offset;
    const chunk = await readRange(this.#path, before, Math.min(size, before + READ_BYTES));
    this.#offset += chunk.length;
    return chunk.length === 0 ? undefined : this.#split(chunk);
  }

  async #readRotated(): Promise<readonly string[]> {
    const rotated = (await findSegments(this.#path, this.#rotatedCount)).filter(
      (segment) => segment.path !== this.#path,
    );
    let begin = -rotated.reduce((sum, segment) => sum + segment.sizeBytes, 0);
    if (this.#offset < begin) {
      this.#offset = begin;
      this.#splitter = new LogLineSplitter();
      this.#isInMiddle = true;
      return [LOST_MARK];
    }
    for (const { path, sizeBytes } of rotated) {
      const from = this.#offset - begin;
      begin += sizeBytes;
      if (from >= sizeBytes) continue;
      const chunk = await readRange(path, from, Math.min(sizeBytes, from + READ_BYTES));
      this.#offset += chunk.length;
      if (chunk.length > 0) return this.#split(chunk);
    }
    this.#offset = 0;
    return [];
  }

  #split(chunk: Buffer): readonly string[] {
    const lines = this.#splitter.push(chunk);
    if (!this.#isInMiddle || lines.length === 0) return lines;
    this.#isInMiddle = false;
    return lines.slice(1);
  }
}
