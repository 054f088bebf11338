import {
  chmodSync,
  closeSync,
  fsyncSync,
  linkSync,
  lstatSync,
  openSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { systemClock, timestamp } from '../../lib/clock.ts';
import { systemRandom } from '../../lib/random.ts';
import {
  type DataIdentity,
  identityPathOf,
  readIdentityBeside,
  writeIdentityBeside,
} from './data-identity.ts';
import {
  checkStructure,
  createCollections,
  createDatabase,
  openDatabase,
  readIdentity,
  type Synchronous,
} from './database.ts';
import { ensurePrivateDirectory, flushDirectory, PRIVATE_FILE_MODE } from './durable-file.ts';
import { FileLock } from './file-lock.ts';
import { finishRestore } from './finish-restore.ts';
import {
  assertFileOrNothing,
  assertWhole,
  type DataFileOptions,
  inspectDataFile,
  openForReading,
} from './inspect-data-file.ts';
import { assertLocalFileSystem } from './network-file-system.ts';
import { damagedError } from './storage-error.ts';

/**
 * A data file that was found good, and is held by this process until closed.
 *
 * Beside the data file `cube.db` stand `cube.db-wal` (what was not moved into it yet),
 * `cube.db.id` (which data should be there), `cube.db.lock` (who holds it) and `cube.db.guard`
 * (what the lock is on).
 */
export class DataFile {
  readonly path: string;
  readonly database: DatabaseSync;
  /** How many records each collection has; whoever writes keeps it true. */
  readonly counts: Map<string, number>;
  readonly #lock: FileLock;

  private constructor(file: {
    readonly path: string;
    readonly database: DatabaseSync;
    readonly counts: Map<string, number>;
    readonly lock: FileLock;
  }) {
    this.path = file.path;
    this.database = file.database;
    this.counts = file.counts;
    this.#lock = file.lock;
  }

  /**
   * Opens the data file, or makes it where there never was one. Whatever it refuses it leaves as
   * it is.
   *
   * @throws CubeError `storage-…`, naming file, what was found and what was wanted.
   */
  static open(options: DataFileOptions): DataFile {
    const found = FoundDataFile.find(options);
    try {
      checkStructure(found.database, found.path);
      return found.take();
    } catch (error) {
      found.release();
      throw error;
    }
  }

  /** A file that is known to be whole, and held by `lock`. */
  static hold(found: FoundDataFile, lock: FileLock, synchronous: Synchronous): DataFile {
    const { path, counts, collections } = found;
    const database = openDatabase(path, synchronous);
    try {
      rmSync(`${path}-shm`, { force: true }); // Left by the inspection.
      createCollections(database, collections);
      // A crash may have come between the making of the file and the writing of its identity.
      if (readIdentityBeside(path) === undefined) {
        writeIdentityBeside(path, readIdentity(database, path));
      }
      // The log begins anew, so that what a crash left in it is not mistaken for what follows.
      database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
      chmodSync(path, PRIVATE_FILE_MODE);
      removeDrafts(path);
      return new DataFile({ path, database, counts, lock });
    } catch (error) {
      database.close();
      throw error;
    }
  }

  /** Moves the log into the file and lets go of both. */
  close(): void {
    this.database.close();
    this.#lock.release();
  }

  /**
   * Lets go of a file whose disk failed. SQLite removes the log when it closes, having moved it
   * into the file; but after a failed flush the system may call pages flushed that are not. So the
   * log is kept under a second name, and what it holds is moved again at the next opening.
   */
  abandon(): void {
    const log = `${this.path}-wal`;
    try {
      rmSync(keptLogPathOf(this.path), { force: true });
      linkSync(log, keptLogPathOf(this.path));
    } catch {
      // No log, or a disk that refuses all: then closing cannot do harm, or cannot do anything.
    }
    try {
      this.database.close();
    } finally {
      restoreKeptLog(this.path);
      this.#lock.release();
    }
  }
}

/**
 * A data file that is held by this process and can be read, and of which is not known yet whether
 * its structure is whole. Until it is taken, nothing in it is changed.
 */
export class FoundDataFile {
  readonly path: string;
  /** It cannot write. */
  readonly database: DatabaseSync;
  readonly counts: Map<string, number>;
  readonly collections: readonly string[];
  /** Whether it lacks no collection, so that all can be read. */
  readonly isComplete: boolean;
  readonly #synchronous: Synchronous;
  readonly #lock: FileLock;
  #isOpen = true;

  private constructor(path: string, lock: FileLock, options: DataFileOptions) {
    this.path = path;
    this.collections = options.collections;
    this.#synchronous = options.synchronous;
    this.#lock = lock;
    this.database = openForReading(path);
    try {
      this.counts = inspectDataFile(this.database, { ...options, path });
      // What a newer Cube knows and an older file lacks has no records yet.
      const missing = options.collections.filter((collection) => !this.counts.has(collection));
      this.isComplete = missing.length === 0;
      for (const collection of missing) this.counts.set(collection, 0);
    } catch (error) {
      this.database.close();
      throw error;
    }
  }

  /** Finds the data file, or makes it. @throws CubeError `storage-…`, when it is another's */
  static find(options: DataFileOptions): FoundDataFile {
    const directory = dirname(resolve(options.path));
    ensurePrivateDirectory(directory);
    assertLocalFileSystem(directory);
    const path = toRealPath(resolve(options.path));
    assertFileOrNothing(path);
    const lock = FileLock.take(path);
    try {
      prepare(path, options);
      return new FoundDataFile(path, lock, options);
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  /** Opens it for writing; this one must not be used any more. Only for a file that is whole. */
  take(): DataFile {
    this.#close();
    return DataFile.hold(this, this.#lock, this.#synchronous);
  }

  /** Lets go of it, and leaves it as it is. */
  release(): void {
    this.#close();
    this.#lock.release();
  }

  #close(): void {
    if (this.#isOpen) this.database.close();
    this.#isOpen = false;
  }
}

/** Sees to it that there is a data file, and that it is whole. */
function prepare(path: string, options: DataFileOptions): void {
  finishRestore(path);
  const expected = readIdentityBeside(path);
  if (statSync(path, { throwIfNoEntry: false }) !== undefined) {
    restoreKeptLog(path);
    assertWhole(path, expected !== undefined);
  } else if (expected === undefined) {
    makeDataFile(path, options);
  } else {
    throw damagedError(path, `it is gone, though ${identityPathOf(path)} speaks of it`);
  }
}

function keptLogPathOf(path: string): string {
  return `${path}-wal.kept`;
}

function restoreKeptLog(path: string): void {
  const kept = keptLogPathOf(path);
  if (statSync(kept, { throwIfNoEntry: false }) === undefined) return;
  const log = `${path}-wal`;
  if (statSync(log, { throwIfNoEntry: false }) === undefined) renameSync(kept, log);
  else rmSync(kept);
  flushDirectory(dirname(path));
}

/** The file behind symbolic links: what stands beside it must be found from every name of it. */
function toRealPath(path: string): string {
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined) {
    return join(realpathSync(dirname(path)), basename(path));
  }
  try {
    return realpathSync(path);
  } catch (error) {
    throw damagedError(path, 'it is a symbolic link that leads nowhere', error);
  }
}

/** The file is built under another name, so that under its own it is never half made. */
function makeDataFile(path: string, { role, collections }: DataFileOptions): void {
  const draft = makeDraftPath(path);
  const identity: DataIdentity = {
    id: systemRandom.uuid(),
    role,
    createdAt: timestamp(systemClock),
  };
  try {
    closeSync(openSync(draft, 'wx', PRIVATE_FILE_MODE));
    chmodSync(draft, PRIVATE_FILE_MODE);
    createDatabase(draft, identity, collections);
    const descriptor = openSync(draft, 'r+');
    fsyncSync(descriptor);
    closeSync(descriptor);
    renameSync(draft, path);
    flushDirectory(dirname(path));
  } finally {
    rmSync(draft, { force: true });
  }
}

/** A new name beside the data file, under which the next opening removes what is left there. */
export function makeDraftPath(path: string): string {
  return `${draftPathOf(path)}${systemRandom.uuid()}`;
}

function draftPathOf(path: string): string {
  return `${path}.new-`;
}

/** Removes what a crash during the making of a data file may have left. */
function removeDrafts(path: string): void {
  const directory = dirname(path);
  const prefix = basename(draftPathOf(path));
  for (const name of readdirSync(directory)) {
    if (name.startsWith(prefix)) rmSync(join(directory, name), { force: true });
  }
}
