import { statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import {
  type DataIdentity,
  identityPathOf,
  readIdentityBeside,
  type StoreRole,
} from './data-identity.ts';
import { readCounts, readIdentity, type Synchronous, tableOf } from './database.ts';
import { assertKnownFormat, type FileHeader, readFileHeader } from './file-format.ts';
import { damagedError, foreignError } from './storage-error.ts';
import { readWriteAheadLog } from './write-ahead-log.ts';

/** Refuses what is no file, before anything is made beside it. @throws CubeError `storage-damaged` */
export function assertFileOrNothing(path: string): void {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined || stats.isFile()) return;
  throw damagedError(path, `it is ${stats.isDirectory() ? 'a directory' : 'no regular file'}`);
}

/** Looks at the file before SQLite does, which would mend or extend it. */
export function assertWhole(path: string, isExpected: boolean): void {
  const header = readFileHeader(path, isExpected);
  assertNothingMissing(path, header, statSync(path).size);
}

/** A page that the file should have and has not must be in the log, else the file was cut. */
function assertNothingMissing(path: string, header: FileHeader, size: number): void {
  const log = readWriteAheadLog(path);
  const pageCount = log.pageCount ?? header.pageCount;
  for (let page = Math.floor(size / header.pageSize) + 1; page <= pageCount; page += 1) {
    if (log.pages.has(page)) continue;
    const wanted = pageCount * header.pageSize;
    throw damagedError(path, `it was cut to ${size} bytes and should have ${wanted}`);
  }
}

/**
 * Opens a data file through a connection that cannot write, since one that can would move the log
 * into the file when it closes, and change what is to be refused. It may leave an empty log and
 * an index of the log, which mean nothing.
 */
export function openForReading(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    database.exec('PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON');
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/**
 * Whether the file is that of this role, and has all its records.
 *
 * @returns how many records each collection has
 * @throws CubeError `storage-damaged`, `storage-foreign`, `storage-newer`
 */
export function inspectDataFile(
  database: DatabaseSync,
  { path, role }: Pick<DataFileOptions, 'path' | 'role'>,
): Map<string, number> {
  // The header was checked in the file; the log may hold a newer one.
  const format = database.prepare('PRAGMA user_version').get()?.['user_version'];
  assertKnownFormat(path, Number(format));
  checkIdentity(path, readIdentity(database, path), role);
  return checkCounts(database, path);
}

/** What a data file is opened with. */
export interface DataFileOptions {
  readonly path: string;
  readonly role: StoreRole;
  readonly collections: readonly string[];
  readonly synchronous: Synchronous;
}

function checkIdentity(path: string, identity: DataIdentity, role: StoreRole): void {
  if (identity.role !== role) {
    throw foreignError(path, `the data file of a ${identity.role}`, `that of a ${role}`);
  }
  const expected = readIdentityBeside(path);
  if (expected === undefined || expected.id === identity.id) return;
  const wanted = `${expected.id}, as ${identityPathOf(path)} says`;
  throw foreignError(path, `data file ${identity.id}`, wanted);
}

function checkCounts(database: DatabaseSync, path: string): Map<string, number> {
  const counts = readCounts(database, path);
  for (const [collection, wanted] of counts) {
    const sql = `SELECT COUNT(*) AS count FROM ${tableOf(collection)}`;
    const found = Number(database.prepare(sql).get()?.['count']);
    if (found === wanted) continue;
    throw damagedError(path, `${collection} has ${found} records and should have ${wanted}`);
  }
  return counts;
}
