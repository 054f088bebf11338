import { LogLineSplitter } from '../log-line-splitter.ts';
import { LOST_BYTES, moveOffset, type Rotation } from './output-rotation.ts';
import {
  findSegments,
  findStats,
  findTail,
  type OutputSegment,
  readRange,
} from './output-segments.ts';

const READ_BYTES = 256 * 1024;

export interface OutputReaderOptions {
  readonly rotatedCount: number;
  readonly tail: number | undefined;
  /** Keeps rotations away while something is read. */
  readonly exclusively: <Result>(read: () => Promise<Result>) => Promise<Result>;
}

/**
 * Reads one stream of an instance from a point on, again and again as it grows, over rotations:
 * whoever rotates tells it by `onRotation`. No line is given twice, and none whose beginning was
 * lost; one whose end was lost ends with a mark that says so.
 */
export class OutputReader {
  readonly #path: string;
  readonly #rotatedCount: number;
  readonly #exclusively: OutputReaderOptions['exclusively'];
  readonly #splitter = new LogLineSplitter();
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
    const rotatedBytes = sumBytes(segments.filter((segment) => segment.path !== path));
    const tail = options.tail === undefined ? undefined : await findTail(segments, options.tail);
    reader.#offset = (tail?.begin ?? 0) - rotatedBytes;
    reader.#tailLineCount = tail?.lineCount ?? 0;
    reader.#isInMiddle = await isAfterLoss(segments, {
      begin: tail?.begin ?? 0,
      oldestPath: `${path}.${options.rotatedCount}`,
    });
    return reader;
  }

  /** How many lines there were to begin with, where a tail was asked for. */
  get tailLineCount(): number {
    return this.#tailLineCount;
  }

  /** What was in the file is in a rotated one now. */
  onRotation(rotation: Rotation): void {
    this.#offset = moveOffset(this.#offset, rotation);
  }

  /** The lines completed by what was written since; the unfinished one too with `flush`. */
  async *read(options: { readonly flush: boolean }): AsyncGenerator<string> {
    for (;;) {
      const chunk = await this.#exclusively(() => this.#readNext());
      if (chunk === undefined) break;
      yield* chunk;
    }
    if (!options.flush) return;
    const rest = this.#splitter.flush();
    if (!this.#isInMiddle) yield* rest;
  }

  async #readNext(): Promise<readonly string[] | undefined> {
    if (this.#offset < 0) return this.#readRotated();
    const size = (await findStats(this.#path))?.size ?? 0;
    if (size < this.#offset) {
      // Cut by somebody else: what is there now is new.
      this.#offset = 0;
      return this.#loseSome();
    }
    const before = this.#offset;
    const chunk = await readRange(this.#path, before, Math.min(size, before + READ_BYTES));
    this.#offset += chunk.length;
    return chunk.length === 0 ? undefined : this.#split(chunk);
  }

  async #readRotated(): Promise<readonly string[]> {
    const rotated = (await findSegments(this.#path, this.#rotatedCount)).filter(
      (segment) => segment.path !== this.#path,
    );
    let begin = -sumBytes(rotated);
    if (this.#offset < begin) {
      this.#offset = begin;
      return this.#loseSome();
    }
    for (const segment of rotated) {
      const { path, sizeBytes } = segment;
      const from = this.#offset - begin;
      begin += sizeBytes;
      if (from >= sizeBytes) continue;
      const chunk = await readRange(path, from, Math.min(sizeBytes, from + READ_BYTES));
      this.#offset += chunk.length;
      if (chunk.length === 0) continue;
      const lines = this.#split(chunk);
      if (this.#offset === begin && (await endsWithMark(segment))) this.#isInMiddle = true;
      return lines;
    }
    this.#offset = 0;
    return [];
  }

  /** Ends the line that was begun with the mark; what comes next begins in the middle of one. */
  #loseSome(): readonly string[] {
    // The rest of a line whose beginning was lost is not shown, with or without its end.
    if (this.#isInMiddle) this.#splitter.flush();
    this.#isInMiddle = true;
    return this.#splitter.push(LOST_BYTES);
  }

  #split(chunk: Buffer): readonly string[] {
    const lines = this.#splitter.push(chunk);
    if (!this.#isInMiddle || lines.length === 0) return lines;
    this.#isInMiddle = false;
    return lines.slice(1);
  }
}

/** Whether the line that begins at `begin` may in truth begin in what is not there any more. */
async function isAfterLoss(
  segments: readonly OutputSegment[],
  place: { readonly begin: number; readonly oldestPath: string },
): Promise<boolean> {
  let end = 0;
  for (const segment of segments) {
    const isOldest = end === 0 && segment.path === place.oldestPath;
    // Others may have been removed before the oldest one that is kept.
    if (place.begin === end && isOldest) return !(await beginsWithMark(segment));
    end += segment.sizeBytes;
    if (place.begin === end && (await endsWithMark(segment))) return true;
  }
  return false;
}

function sumBytes(segments: readonly OutputSegment[]): number {
  return segments.reduce((sum, segment) => sum + segment.sizeBytes, 0);
}

async function beginsWithMark({ path }: OutputSegment): Promise<boolean> {
  return LOST_BYTES.equals(await readRange(path, 0, LOST_BYTES.length));
}

async function endsWithMark({ path, sizeBytes }: OutputSegment): Promise<boolean> {
  const begin = Math.max(0, sizeBytes - LOST_BYTES.length);
  return LOST_BYTES.equals(await readRange(path, begin, sizeBytes));
}
