import { CubeError } from '../../errors/cube-error.ts';

const HEADER_BYTES = 8;

/** A piece of output, as soon as it is there: never more than what came in at once. */
export interface FramePiece {
  readonly stream: 'stdout' | 'stderr';
  /** Whether a message of the engine begins with this piece. */
  readonly isStart: boolean;
  readonly bytes: Buffer;
}

/**
 * Takes apart the one stream in which an engine sends both outputs: messages with a header each,
 * that tells of which output it is and how long. Holds nothing but an unfinished header, so a
 * message that claims to be of 4 GiB costs no more than others.
 */
export class FrameReader {
  #header = Buffer.alloc(0);
  #stream: FramePiece['stream'] = 'stdout';
  #leftBytes = 0;
  #isStart = false;

  /** @throws CubeError `runtime-unavailable` for what is no such stream. */
  push(chunk: Buffer): FramePiece[] {
    const pieces: FramePiece[] = [];
    let rest = chunk;
    while (rest.length > 0) {
      if (this.#leftBytes === 0) {
        rest = this.#readHeader(rest);
        continue;
      }
      const bytes = rest.subarray(0, this.#leftBytes);
      pieces.push({ stream: this.#stream, isStart: this.#isStart, bytes });
      this.#isStart = false;
      this.#leftBytes -= bytes.length;
      rest = rest.subarray(bytes.length);
    }
    return pieces;
  }

  #readHeader(bytes: Buffer): Buffer {
    const missing = HEADER_BYTES - this.#header.length;
    const header = Buffer.concat([this.#header, bytes.subarray(0, missing)]);
    if (header.length < HEADER_BYTES) {
      this.#header = header;
      return Buffer.alloc(0);
    }
    const kind = header.readUInt8(0);
    if (kind > 3) {
      throw new CubeError('runtime-unavailable', 'Docker sent output in a form that is not known.');
    }
    // 2 is the program's standard error, 3 an error of the engine itself.
    this.#stream = kind >= 2 ? 'stderr' : 'stdout';
    this.#leftBytes = header.readUInt32BE(4);
    this.#isStart = true;
    this.#header = Buffer.alloc(0);
    return bytes.subarray(missing);
  }
}
