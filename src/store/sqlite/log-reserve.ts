import { closeSync, constants, fstatSync, openSync, statfsSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { CubeError } from '../../errors/cube-error.ts';
import { judgeTrouble } from './storage-error.ts';
import { LOG_HEADER_BYTES } from './write-ahead-log.ts';

/** What is kept for changes that must be made, in bytes: some hundreds of transactions. */
export const RESERVE_BYTES_MAX: number = 8 * 1024 * 1024;

/** On a small disk this share of it is enough. */
const RESERVE_SHARE = 1 / 16;

/** The log is lengthened by at least so much, in bytes, so that not every transaction does it. */
const STEP_BYTES = 256 * 1024;

const zeros = Buffer.alloc(64 * 1024);

/**
 * Room in the log that nobody else can take: the log is longer than what it holds, by zeros, which
 * SQLite writes over. So a disk that other programs fill to the last byte still takes what must be
 * recorded, for as long as the reserve lasts; free space, or a file that is given up in need,
 * would be gone to whoever is faster. (On a file system that never writes in place, as btrfs, it
 * helps only as far as that has room left.)
 */
export class LogReserve {
  readonly #directory: string;
  readonly #descriptor: number;
  readonly #reserveBytes: number;
  /** What the log is at least, in bytes; undefined where SQLite may have cut it since. */
  #sizeBytes: number | undefined;

  /** The log must be there already. */
  constructor(dataPath: string) {
    this.#directory = dirname(dataPath);
    // Whatever is believed of its size: zeros come after its end, never over what it holds.
    this.#descriptor = openSync(`${dataPath}-wal`, constants.O_WRONLY | constants.O_APPEND);
    const { blocks, bsize } = statfsSync(this.#directory);
    this.#reserveBytes = Math.min(RESERVE_BYTES_MAX, Math.floor(blocks * bsize * RESERVE_SHARE));
  }

  /**
   * Keeps the log longer by the reserve than the `usedBytes` that it holds.
   *
   * The system is asked for the size of the log as rarely as can be: a file that somebody has looked
   * at gets new times with the next write, and a flush that has to write these down takes half as
   * long again.
   *
   * @returns why it is short of room: less than the reserve is free on the disk, or in the log.
   * @throws what the disk throws, but for being full.
   */
  tend(usedBytes: number): CubeError | undefined {
    const wantedBytes = usedBytes + this.#reserveBytes;
    // What is known may have been overtaken: by a change that was longer than the reserve.
    const known = this.#sizeBytes ?? 0;
    const sizeBytes = known >= wantedBytes ? known : fstatSync(this.#descriptor).size;
    // SQLite cuts a long log with the first change that it writes at the log's beginning.
    this.#sizeBytes = usedBytes === 0 ? undefined : sizeBytes;
    // Zeros where its header is to be would look like a log that was damaged.
    const isEmpty = sizeBytes < LOG_HEADER_BYTES;
    const isWhole =
      isEmpty || sizeBytes >= wantedBytes || this.#lengthen(wantedBytes + STEP_BYTES - sizeBytes);
    const { bavail, bsize } = statfsSync(this.#directory);
    const freeBytes = bavail * bsize;
    if (isWhole && freeBytes >= this.#reserveBytes) return undefined;
    const needed = toKibibytes(this.#reserveBytes);
    return new CubeError(
      'storage-full',
      `The disk that holds ${this.#directory} has ${toKibibytes(freeBytes)} left, and Cube takes ` +
        `new tasks only while ${needed} are free. Nothing was changed.`,
      {
        hint: `Free at least ${needed} there. What runs goes on meanwhile, and can be stopped.`,
      },
    );
  }

  /** What the log held is in the data file, so that its next change is written at its beginning. */
  logMoved(): void {
    this.#sizeBytes = undefined;
  }

  close(): void {
    closeSync(this.#descriptor);
  }

  /** Says whether there was room. */
  #lengthen(byBytes: number): boolean {
    this.#sizeBytes = undefined;
    try {
      for (let left = byBytes; left > 0; ) {
        left -= writeSync(this.#descriptor, zeros, 0, Math.min(zeros.length, left));
      }
      return true;
    } catch (error) {
      if (judgeTrouble(error) !== 'full') throw error;
      return false;
    }
  }
}

function toKibibytes(bytes: number): string {
  return `${Math.floor(bytes / 1024)} KiB`;
}
