/** Longer lines of output are cut to this many bytes. */
export const LOG_LINE_BYTES_MAX: number = 64 * 1024;

const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/**
 * Makes lines of text out of bytes that come in pieces of any size. What is no UTF-8 becomes
 * replacement characters; the part of a line beyond the limit is dropped and said to be. Holds
 * no more than one line.
 */
export class LogLineSplitter {
  #parts: Buffer[] = [];
  #keptBytes = 0;
  #droppedBytes = 0;

  /** The lines that `chunk` completes. */
  push(chunk: Buffer): string[] {
    const lines: string[] = [];
    let from = 0;
    for (;;) {
      const newline = chunk.indexOf(NEWLINE, from);
      if (newline === -1) break;
      this.#keep(chunk.subarray(from, newline));
      lines.push(this.#take());
      from = newline + 1;
    }
    this.#keep(chunk.subarray(from));
    return lines;
  }

  /** The unfinished last line, when there is one. */
  flush(): string[] {
    return this.#keptBytes + this.#droppedBytes === 0 ? [] : [this.#take()];
  }

  #keep(bytes: Buffer): void {
    const room = LOG_LINE_BYTES_MAX - this.#keptBytes;
    const kept = bytes.subarray(0, room);
    this.#droppedBytes += bytes.length - kept.length;
    if (kept.length === 0) return;
    // A copy, since the caller may use its buffer again.
    this.#parts.push(Buffer.from(kept));
    this.#keptBytes += kept.length;
  }

  #take(): string {
    const bytes = Buffer.concat(this.#parts, this.#keptBytes);
    const isDos = this.#droppedBytes === 0 && bytes.at(-1) === CARRIAGE_RETURN;
    const text = bytes.toString('utf8', 0, isDos ? bytes.length - 1 : bytes.length);
    const line = this.#droppedBytes === 0 ? text : cutMark(text, this.#droppedBytes);
    this.#parts = [];
    this.#keptBytes = 0;
    this.#droppedBytes = 0;
    return line;
  }
}

function cutMark(text: string, droppedBytes: number): string {
  return `${text} [cut: ${droppedBytes} more bytes]`;
}
