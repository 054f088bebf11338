import { closeSync, openSync, readSync } from 'node:fs';
import { CubeError } from '../../errors/cube-error.ts';
import { damagedError, foreignError } from './storage-error.ts';

/** "CUBE" in the place where SQLite lets an application sign its files. */
export const APPLICATION_ID = 0x43554245;

/** Grows when a file written from then on cannot be read by an older Cube. */
export const FORMAT_VERSION = 1;

/** The header of a database file (https://sqlite.org/fileformat2.html). */
const HEADER_BYTES = 100;
const MAGIC = 'SQLite format 3\0';
const OFFSET_PAGE_SIZE = 16;
const OFFSET_PAGE_COUNT = 28;
const OFFSET_FORMAT_VERSION = 60;
const OFFSET_APPLICATION_ID = 68;
/** How the largest page size is written, since it does not fit in two bytes. */
const PAGE_SIZE_LARGEST_CODE = 1;
const PAGE_SIZE_LARGEST = 65_536;

export interface FileHeader {
  readonly pageSize: number;
  readonly pageCount: number;
}

/**
 * Reads the first bytes of a data file and decides whether it is ours, before SQLite may touch it.
 *
 * @throws CubeError `storage-damaged`, `storage-foreign` or `storage-newer`; `isExpected` says
 *   whether there is other evidence that a data file of Cube should be here.
 */
export function readFileHeader(path: string, isExpected: boolean): FileHeader {
  const header = readStart(path);
  if (header.length === 0) throw damagedError(path, 'it is empty, which a data file never is');
  const isDatabase = header.toString('latin1', 0, MAGIC.length) === MAGIC;
  if (!isDatabase || header.length < HEADER_BYTES) {
    if (isExpected) throw damagedError(path, 'its header is broken');
    throw foreignError(path, 'no database', 'a data file of Cube');
  }
  const applicationId = header.readUInt32BE(OFFSET_APPLICATION_ID);
  if (applicationId !== APPLICATION_ID) {
    if (isExpected) throw damagedError(path, 'its header does not bear the sign of Cube');
    throw foreignError(path, 'the database of another program', 'a data file of Cube');
  }
  assertKnownFormat(path, header.readUInt32BE(OFFSET_FORMAT_VERSION));
  const pageSizeCode = header.readUInt16BE(OFFSET_PAGE_SIZE);
  return {
    pageSize: pageSizeCode === PAGE_SIZE_LARGEST_CODE ? PAGE_SIZE_LARGEST : pageSizeCode,
    pageCount: header.readUInt32BE(OFFSET_PAGE_COUNT),
  };
}

/** @throws CubeError `storage-newer` or `storage-damaged`, when this Cube cannot read `format`. */
export function assertKnownFormat(path: string, format: number): void {
  if (format === FORMAT_VERSION) return;
  if (format < 1) throw damagedError(path, `its format version is ${format}`);
  throw new CubeError(
    'storage-newer',
    `${path} has format ${format}; this Cube knows formats up to ${FORMAT_VERSION}.`,
    { hint: 'It was left as it is. Start it with the Cube that wrote it, or a newer one.' },
  );
}

function readStart(path: string): Buffer {
  const descriptor = openSync(path, 'r');
  try {
    const start = Buffer.alloc(HEADER_BYTES);
    return start.subarray(0, readSync(descriptor, start));
  } finally {
    closeSync(descriptor);
  }
}
