import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { damagedError } from './storage-error.ts';

/**
 * Reads SQLite's write-ahead log before SQLite does, to find what SQLite would pass over.
 *
 * SQLite ends its reading at the first frame that fails its checksum and drops the rest without a
 * word. That is right for the last group of transactions, whose flush a power cut may have torn.
 * It is wrong for anything earlier, which was flushed and acknowledged: a flipped bit there would
 * silently undo all that came after. Since each group is flushed before the next is written, and
 * the log starts anew (with new salts) at each opening, a broken frame followed by more than one
 * commit can only be damage. Format: https://sqlite.org/fileformat2.html#walformat
 */
export interface WriteAheadLog {
  /** The pages of the database that the log holds a newer form of. */
  readonly pages: ReadonlySet<number>;
  /** Pages that the database has by the last commit in the log; undefined if it has none. */
  readonly pageCount: number | undefined;
}

/** What the log begins with; SQLite writes it before the first frame. */
export const LOG_HEADER_BYTES = 32;
/** What stands before each page. */
export const FRAME_HEADER_BYTES = 24;
const CHECKSUMMED_LOG_HEADER_BYTES = 24;
const CHECKSUMMED_FRAME_HEADER_BYTES = 8;
/** The lowest bit of the magic says in which byte order the checksums were computed. */
const MAGIC_LITTLE_ENDIAN = 0x377f0682;
const MAGIC_BIG_ENDIAN = 0x377f0683;
const emptyLog: WriteAheadLog = { pages: new Set(), pageCount: undefined };

/** @throws CubeError `storage-damaged`, when acknowledged transactions in the log are broken. */
export function readWriteAheadLog(dataPath: string): WriteAheadLog {
  const path = `${dataPath}-wal`;
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return emptyLog;
    throw error;
  }
  try {
    return new LogReader(path, descriptor).read();
  } finally {
    closeSync(descriptor);
  }
}

class LogReader {
  readonly #path: string;
  readonly #descriptor: number;
  #checksum = { low: 0, high: 0 };
  #isLittleEndian = true;

  constructor(path: string, descriptor: number) {
    this.#path = path;
    this.#descriptor = descriptor;
  }

  read(): WriteAheadLog {
    const size = fstatSync(this.#descriptor).size;
    // The header is flushed before the first frame is written: without frames, nothing is lost.
    if (size <= LOG_HEADER_BYTES) return emptyLog;
    const header = this.#readAt(0, LOG_HEADER_BYTES);
    const pageSize = this.#readLogHeader(header);
    const salts = header.subarray(16, 24);
    const frameBytes = FRAME_HEADER_BYTES + pageSize;
    const pages = new Set<number>();
    let pageCount: number | undefined;
    let pending: number[] = [];
    for (let at = LOG_HEADER_BYTES; at + frameBytes <= size; at += frameBytes) {
      const frame = this.#readAt(at, frameBytes);
      if (!this.#isWhole(frame, salts)) {
        this.#assertTornOnly({ from: at, size, frameBytes, salts });
        break;
      }
      pending.push(frame.readUInt32BE(0));
      const committedPageCount = frame.readUInt32BE(4);
      if (committedPageCount === 0) continue;
      pageCount = committedPageCount;
      for (const page of pending) pages.add(page);
      pending = [];
    }
    return { pages, pageCount };
  }

  #readLogHeader(header: Buffer): number {
    const magic = header.readUInt32BE(0);
    this.#isLittleEndian = magic === MAGIC_LITTLE_ENDIAN;
    const isMagic = this.#isLittleEndian || magic === MAGIC_BIG_ENDIAN;
    this.#add(header.subarray(0, CHECKSUMMED_LOG_HEADER_BYTES));
    if (!isMagic || !this.#agreesWith(header, CHECKSUMMED_LOG_HEADER_BYTES)) {
      throw damagedError(this.#path, 'the header of the log is broken');
    }
    return header.readUInt32BE(8);
  }

  #isWhole(frame: Buffer, salts: Buffer): boolean {
    if (frame.readUInt32BE(0) === 0) return false;
    if (!frame.subarray(8, 16).equals(salts)) return false;
    this.#add(frame.subarray(0, CHECKSUMMED_FRAME_HEADER_BYTES));
    this.#add(frame.subarray(FRAME_HEADER_BYTES));
    return this.#agreesWith(frame, 16);
  }

  #assertTornOnly(rest: {
    readonly from: number;
    readonly size: number;
    readonly frameBytes: number;
    readonly salts: Buffer;
  }): void {
    let commitCount = 0;
    for (let at = rest.from; at + rest.frameBytes <= rest.size; at += rest.frameBytes) {
      const header = this.#readAt(at, FRAME_HEADER_BYTES);
      const isOfThisLog = header.subarray(8, 16).equals(rest.salts);
      if (isOfThisLog && header.readUInt32BE(4) !== 0) commitCount += 1;
    }
    if (commitCount > 1) {
      throw damagedError(this.#path, `the log is broken at byte ${rest.from}, with more after it`);
    }
  }

  #agreesWith(bytes: Buffer, at: number): boolean {
    return (
      bytes.readUInt32BE(at) === this.#checksum.low &&
      bytes.readUInt32BE(at + 4) === this.#checksum.high
    );
  }

  /** SQLite's checksum: two sums over pairs of 32-bit words, each carried into the other. */
  #add(bytes: Buffer): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let { low, high } = this.#checksum;
    for (let at = 0; at < view.byteLength; at += 8) {
      low = (low + view.getUint32(at, this.#isLittleEndian) + high) >>> 0;
      high = (high + view.getUint32(at + 4, this.#isLittleEndian) + low) >>> 0;
    }
    this.#checksum = { low, high };
  }

  #readAt(position: number, length: number): Buffer {
    const bytes = Buffer.alloc(length);
    const count = readSync(this.#descriptor, bytes, { position });
    return bytes.subarray(0, count);
  }
}
