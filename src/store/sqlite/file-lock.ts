import { closeSync, fchmodSync, openSync, readFileSync, rmSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { CubeError } from '../../errors/cube-error.ts';
import { PRIVATE_FILE_MODE, writeFileDurably } from './durable-file.ts';
import { currentProcessStamp, isRunning, type ProcessStamp, startTimeOf } from './process-stamp.ts';
import { judgeTrouble } from './storage-error.ts';

/**
 * Keeps a data file to one store at a time, from before anything looks into it.
 *
 * What keeps others out is the system's lock on a file beside it, the guard, which ends with the
 * process that holds it. SQLite takes it, since Node has no call for it, and since SQLite also
 * keeps two stores of one process apart (POSIX locks do not, and are lost when any descriptor of
 * the file is closed; so nothing else ever opens the guard). The record says who holds it, so that
 * whoever is refused can be told; one that a dead process left is written over.
 */
export class FileLock {
  readonly #recordPath: string;
  readonly #guard: DatabaseSync;

  private constructor(recordPath: string, guard: DatabaseSync) {
    this.#recordPath = recordPath;
    this.#guard = guard;
  }

  /** @throws CubeError `storage-locked`, naming the holder. */
  static take(dataPath: string): FileLock {
    const guardPath = `${dataPath}.guard`;
    const recordPath = `${dataPath}.lock`;
    createGuard(guardPath);
    const guard = new DatabaseSync(guardPath);
    try {
      guard.exec('BEGIN EXCLUSIVE');
      writeFileDurably(recordPath, `${JSON.stringify(currentProcessStamp())}\n`);
      return new FileLock(recordPath, guard);
    } catch (error) {
      guard.close();
      if (judgeTrouble(error) !== 'locked') throw error;
      throw lockedError(dataPath, describeHolder(readRecord(recordPath)));
    }
  }

  release(): void {
    rmSync(this.#recordPath, { force: true });
    this.#guard.close();
  }
}

/** The refusal of a file that somebody holds. */
function lockedError(dataPath: string, holder: string): CubeError {
  return new CubeError('storage-locked', `The data file ${dataPath} is held by ${holder}.`, {
    hint: 'Stop that process, or choose another data directory.',
  });
}

/** An empty file that stays empty. */
function createGuard(path: string): void {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'wx', PRIVATE_FILE_MODE);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return;
    throw error;
  }
  fchmodSync(descriptor, PRIVATE_FILE_MODE);
  closeSync(descriptor);
}

/** Undefined when there is none, or none that can be read. */
function readRecord(path: string): ProcessStamp | undefined {
  try {
    return parseProcessStamp(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    return undefined;
  }
}

function describeHolder(stamp: ProcessStamp | undefined): string {
  const isElsewhere = stamp !== undefined && !isOfThisPidNamespace(stamp);
  // A record whose process has ended was left by an earlier holder: the present one has yet to
  // write its own.
  if (stamp === undefined || !(isElsewhere || isRunning(stamp))) {
    return 'a process that has just begun';
  }
  const startTime = startTimeOf(stamp);
  const since = startTime === undefined ? '' : `, started ${new Date(startTime).toISOString()}`;
  if (isElsewhere) return `process ${stamp.pid} of another container${since}`;
  const self = stamp.pid === process.pid ? ' (this very process)' : '';
  return `process ${stamp.pid}${self}${since}`;
}

function parseProcessStamp(record: unknown): ProcessStamp | undefined {
  if (typeof record !== 'object' || record === null) return undefined;
  if (!('pid' in record && 'bootId' in record)) return undefined;
  if (!('startTicks' in record && 'pidNamespace' in record)) return undefined;
  const { pid, bootId, startTicks, pidNamespace } = record;
  if (typeof pid !== 'number' || typeof startTicks !== 'number') return undefined;
  if (typeof bootId !== 'string' || typeof pidNamespace !== 'string') return undefined;
  return { pid, bootId, startTicks, pidNamespace };
}

function isOfThisPidNamespace(stamp: ProcessStamp): boolean {
  return stamp.pidNamespace === currentProcessStamp().pidNamespace;
}
