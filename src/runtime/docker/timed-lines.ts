import { LogLineSplitter } from '../log-line-splitter.ts';
import { type FramePiece, FrameReader } from './log-frames.ts';

/** A line of output with its moment as the engine writes it: to the nanosecond, comparable. */
export interface TimedLine {
  readonly stream: 'stdout' | 'stderr';
  readonly time: string;
  readonly text: string;
}

const SPACE = 0x20;
const NEWLINE = 0x0a;
const TIMESTAMP_BYTES_MAX = 40;

/**
 * Makes lines of an engine's output with time stamps. A long line comes in several messages with
 * a time stamp each; the line has that of the first.
 */
export class TimedLines {
  readonly #frames = new FrameReader();
  readonly #outputs = { stdout: new OneOutput('stdout'), stderr: new OneOutput('stderr') };

  push(chunk: Buffer): TimedLine[] {
    return this.#frames.push(chunk).flatMap((piece) => this.#outputs[piece.stream].push(piece));
  }

  /** Unfinished last lines. */
  flush(): TimedLine[] {
    return [...this.#outputs.stdout.flush(), ...this.#outputs.stderr.flush()];
  }
}

class OneOutput {
  readonly #stream: TimedLine['stream'];
  readonly #splitter = new LogLineSplitter();
  /** The time stamp as far as it has come in; undefined once it is complete. */
  #stamp: Buffer | undefined;
  #messageTime = '';
  #lineTime = '';
  #isLineOpen = false;

  constructor(stream: TimedLine['stream']) {
    this.#stream = stream;
  }

  push({ isStart, bytes }: FramePiece): TimedLine[] {
    if (isStart) this.#stamp = Buffer.alloc(0);
    const payload = this.#stamp === undefined ? bytes : this.#readStamp(this.#stamp, bytes);
    if (payload.length === 0) return [];
    if (!this.#isLineOpen) this.#lineTime = this.#messageTime;
    const lines = this.#splitter.push(payload).map((text, index) => ({
      stream: this.#stream,
      time: index === 0 ? this.#lineTime : this.#messageTime,
      text,
    }));
    if (lines.length > 0) this.#lineTime = this.#messageTime;
    this.#isLineOpen = payload.at(-1) !== NEWLINE;
    return lines;
  }

  flush(): TimedLine[] {
    return this.#splitter
      .flush()
      .map((text) => ({ stream: this.#stream, time: this.#lineTime, text }));
  }

  /** What of the bytes comes after the time stamp. */
  #readStamp(begun: Buffer, bytes: Buffer): Buffer {
    const stamp = Buffer.concat([begun, bytes.subarray(0, TIMESTAMP_BYTES_MAX)]);
    const end = stamp.indexOf(SPACE);
    if (end === -1 && stamp.length < TIMESTAMP_BYTES_MAX) {
      this.#stamp = stamp;
      return Buffer.alloc(0);
    }
    this.#stamp = undefined;
    if (end === -1) {
      // No time stamp, though one was asked for: all of it is output.
      this.#messageTime = '';
      return Buffer.concat([begun, bytes]);
    }
    this.#messageTime = stamp.toString('latin1', 0, end);
    return bytes.subarray(end + 1 - begun.length);
  }
}
