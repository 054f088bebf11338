import { DatabaseSync } from 'node:sqlite';
import { crc32 } from 'node:zlib';
import { type DataIdentity, parseIdentity } from './data-identity.ts';
import { APPLICATION_ID, FORMAT_VERSION } from './file-format.ts';
import { damagedError } from './storage-error.ts';

/**
 * The tables of a data file:
 *
 *     cube                what the file says of itself: `identity` and `counts`, as JSON
 *     records_COLLECTION  the records, one table for each collection
 */
const PAGE_SIZE_BYTES = 4096;

/** Pages that SQLite keeps in memory at most, in KiB (a negative number in its pragma). */
const CACHE_KIB = 65_536;

/**
 * Size of the log from which it is moved into the data file even under load, in bytes. Moving it
 * holds up whoever writes, so it is to be rarer than one flush in a hundred.
 */
export const LOG_BYTES_MAX: number = 64 * 1024 * 1024;

/** How the thread's connection flushes; anything but FULL is for the control of a test. */
export type Synchronous = 'FULL' | 'OFF';

/** Names become parts of table names. */
const COLLECTION_NAME: RegExp = /^[a-z][a-z0-9_]*$/;

/** The table that holds the records of a collection. */
export function tableOf(collection: string): string {
  if (!COLLECTION_NAME.test(collection)) {
    throw new Error(`Broken belief: ${collection} can be the name of a collection`);
  }
  return `records_${collection}`;
}

/** Fills a new, empty file at `path` with the tables of an empty store, and closes it. */
export function createDatabase(
  path: string,
  identity: DataIdentity,
  collections: readonly string[],
): void {
  const database = new DatabaseSync(path);
  try {
    database.exec(`
      PRAGMA page_size = ${PAGE_SIZE_BYTES};
      PRAGMA synchronous = EXTRA;
      BEGIN IMMEDIATE;
      PRAGMA application_id = ${APPLICATION_ID};
      PRAGMA user_version = ${FORMAT_VERSION};
      CREATE TABLE cube (name TEXT NOT NULL UNIQUE, value TEXT NOT NULL, checksum INTEGER NOT NULL)
        STRICT;
    `);
    writeFact(database, 'identity', JSON.stringify(identity));
    createCollections(database, collections);
    writeFact(database, 'counts', JSON.stringify(Object.fromEntries(collections.map(toZero))));
    database.exec('COMMIT; PRAGMA journal_mode = WAL;');
  } finally {
    database.close();
  }
}

/** Opens a file that is known to be ours, and takes the lock on it. */
export function openDatabase(path: string, synchronous: Synchronous): DatabaseSync {
  const database = new DatabaseSync(path);
  try {
    // With exclusive locking set before the first access, the index of the log stays in memory.
    database.exec(`
      PRAGMA locking_mode = EXCLUSIVE;
      PRAGMA synchronous = ${synchronous};
      PRAGMA wal_autocheckpoint = 0;
      PRAGMA journal_size_limit = ${LOG_BYTES_MAX};
      PRAGMA cache_size = -${CACHE_KIB};
      PRAGMA trusted_schema = OFF;
      PRAGMA cell_size_check = ON;
      BEGIN IMMEDIATE; ROLLBACK;
    `);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Makes the tables of those collections that the file does not have yet. */
export function createCollections(database: DatabaseSync, collections: readonly string[]): void {
  for (const collection of collections) {
    database.exec(`
      CREATE TABLE IF NOT EXISTS ${tableOf(collection)} (
        key TEXT NOT NULL UNIQUE,
        version INTEGER NOT NULL,
        checksum INTEGER NOT NULL,
        value TEXT NOT NULL
      ) STRICT;
    `);
  }
}

/**
 * Walks through the whole structure of the file, which takes about a second per million records.
 * What the records themselves say is held against their checksums as they are read.
 *
 * @throws CubeError `storage-damaged`
 */
export function checkStructure(
  database: DatabaseSync,
  path: string,
  journalMode: 'wal' | 'delete' = 'wal',
): void {
  const mode = database.prepare('PRAGMA journal_mode').get()?.['journal_mode'];
  if (mode !== journalMode) {
    throw damagedError(path, `its journal mode is ${mode}, not ${journalMode}`);
  }
  const finding = database.prepare('PRAGMA integrity_check(1)').get()?.['integrity_check'];
  if (finding !== 'ok') throw damagedError(path, String(finding).replaceAll('\n', ' '));
}

/** What the file says of itself. @throws CubeError `storage-damaged` */
export function readIdentity(database: DatabaseSync, path: string): DataIdentity {
  const identity = parseIdentity(readFact(database, path, 'identity'));
  if (identity === undefined) throw damagedError(path, 'its identity is broken');
  return identity;
}

/** How many records each collection should have. @throws CubeError `storage-damaged` */
export function readCounts(database: DatabaseSync, path: string): Map<string, number> {
  const counts: unknown = JSON.parse(readFact(database, path, 'counts'));
  const entries = typeof counts === 'object' && counts !== null ? Object.entries(counts) : [];
  return new Map(entries.map(([name, count]) => [name, Number(count)]));
}

/** Gives a function that writes down how many records each collection has. */
export function createCountsWriter(
  database: DatabaseSync,
): (counts: ReadonlyMap<string, number>) => void {
  const statement = database.prepare(PUT_FACT);
  return (counts) => {
    const value = JSON.stringify(Object.fromEntries(counts));
    statement.run('counts', value, crc32(value));
  };
}

const PUT_FACT = `
  INSERT INTO cube VALUES (?, ?, ?)
  ON CONFLICT (name) DO UPDATE SET value = excluded.value, checksum = excluded.checksum`;

function toZero(collection: string): [string, number] {
  return [collection, 0];
}

/** Writes down one thing that the file says of itself. */
export function writeFact(database: DatabaseSync, name: string, value: string): void {
  database.prepare(PUT_FACT).run(name, value, crc32(value));
}

/** Takes away what the file says of itself under this name. */
export function removeFact(database: DatabaseSync, name: string): void {
  database.prepare('DELETE FROM cube WHERE name = ?').run(name);
}

/** Undefined where the file says no such thing. @throws CubeError `storage-damaged` */
export function findFact(database: DatabaseSync, path: string, name: string): string | undefined {
  const row = database.prepare('SELECT value, checksum FROM cube WHERE name = ?').get(name);
  if (row === undefined) return undefined;
  const value = row['value'];
  if (typeof value !== 'string' || row['checksum'] !== crc32(value)) {
    throw damagedError(path, `its ${name} record is broken`);
  }
  return value;
}

function readFact(database: DatabaseSync, path: string, name: string): string {
  const value = findFact(database, path, name);
  if (value === undefined) throw damagedError(path, `its ${name} record is broken`);
  return value;
}
