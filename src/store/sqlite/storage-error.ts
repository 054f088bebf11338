import { CubeError, messageOf } from '../../errors/cube-error.ts';

/** SQLite's primary result codes that mean something to us (https://sqlite.org/rescode.html). */
const SQLITE_OK = 0;
const SQLITE_ERROR = 1;
const SQLITE_BUSY = 5;
const SQLITE_LOCKED = 6;
const SQLITE_CORRUPT = 11;
const SQLITE_FULL = 13;
const SQLITE_NOTADB = 26;

/** Extended result codes carry the primary one in their low byte. */
const PRIMARY_CODE_MASK = 0xff;

/** What an error of the database or the file system says of the store. */
export type StorageTrouble = 'full' | 'damaged' | 'locked' | 'failed' | 'bug';

/** Judges anything thrown; what comes neither from `node:sqlite` nor from `node:fs` is a bug. */
export function judgeTrouble(error: unknown): StorageTrouble {
  const { errcode, code } = codesOf(error);
  if (code === 'ENOSPC' || code === 'EDQUOT') return 'full';
  if (code === '') return 'bug';
  switch (errcode & PRIMARY_CODE_MASK) {
    case SQLITE_FULL:
      return 'full';
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    // Our statements never change: where one does not fit the tables, these are not what was made.
    case SQLITE_ERROR:
      return 'damaged';
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return 'locked';
    default:
      return 'failed';
  }
}

/**
 * Whether a copy could not begin, because a transaction was under way: Node then reports the last
 * error of the new file, of which there was none.
 */
export function isPutOff(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === SQLITE_OK;
}

/** The error that a caller of the store sees for `error`, met while doing `what` to `path`. */
export function toStorageError(error: unknown, what: string, path: string): CubeError {
  if (error instanceof CubeError) return error;
  const why = messageOf(error);
  const trouble = judgeTrouble(error);
  switch (trouble) {
    case 'full':
      return fullError(path, error);
    case 'damaged':
      return damagedError(path, `the database says "${why}"`, error);
    case 'locked':
      return new CubeError('storage-locked', `Another program has ${path} open.`, {
        cause: error,
        hint: 'Close the program that looks into the data file, then start again.',
      });
    case 'bug':
      return new CubeError('internal', `The store at ${path} met a bug of Cube: ${why}.`, {
        cause: error,
        hint: 'Start again; whatever was acknowledged is in the file.',
      });
    case 'failed':
      return new CubeError('storage-failed', `Could not ${what} ${path}: ${why}.`, {
        cause: error,
        hint: 'Look into the system log for errors of the disk, then start again.',
      });
  }
}

/** The refusal of a write that found no room. */
export function fullError(path: string, cause?: unknown): CubeError {
  return new CubeError(
    'storage-full',
    `The disk that holds ${path} is full; the change was not made, and nothing else was lost.`,
    { cause, hint: `Free some space on the disk of ${path}; the next change then works.` },
  );
}

/** The refusal of a file or record that is not what was written. */
export function damagedError(path: string, found: string, cause?: unknown): CubeError {
  return new CubeError('storage-damaged', `The data file ${path} is damaged: ${found}.`, {
    cause,
    hint: 'It was left as it is. Restore a backup, or move all its files away to begin anew.',
  });
}

/** The refusal of a file that belongs to something else. */
export function foreignError(path: string, found: string, wanted: string): CubeError {
  return new CubeError('storage-foreign', `${path} is ${found}, not ${wanted}.`, {
    hint: 'It was left as it is. Choose another data directory, or move the file away.',
  });
}

function codesOf(error: unknown): { readonly errcode: number; readonly code: string } {
  if (!(error instanceof Error)) return { errcode: 0, code: '' };
  const errcode = 'errcode' in error && typeof error.errcode === 'number' ? error.errcode : 0;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return { errcode, code };
}
