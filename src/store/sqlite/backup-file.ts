import { createHash } from 'node:crypto';
import { chmodSync, closeSync, fsyncSync, openSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { managerCollections } from '../collections.ts';
import type { StoredRecord } from '../store.ts';
import { toListBounds } from '../store-rules.ts';
import {
  type RecordSource,
  type VerifiedRecords,
  verifyManagerRecords,
} from '../verify-manager-records.ts';
import { CollectionTable } from './collection-table.ts';
import { checkStructure, findFact, readIdentity, tableOf, writeFact } from './database.ts';
import { PRIVATE_FILE_MODE } from './durable-file.ts';
import { FORMAT_VERSION, readFileHeader } from './file-format.ts';
import { FileLock } from './file-lock.ts';
import { fromKeyText, toKeyText } from './key-text.ts';
import { damagedError, foreignError, toStorageError } from './storage-error.ts';

/**
 * A backup is a data file of a manager in one piece, with a seal in it: what it holds, and a digest
 * of that. So it is read by what reads data files, and needs no unpacking.
 */
export interface BackupSeal extends VerifiedRecords {
  /** The format of the data file. */
  readonly format: number;
  readonly cluster: string;
  /** RFC 3339. */
  readonly takenAt: string;
  /** SHA-256 over place, version and checksum of every record, in their order. */
  readonly digest: string;
}

/** Under which the file says so. */
export const SEAL = 'backup';

/** A copy that was just made of a data file. */
export interface FreshCopy {
  readonly path: string;
  /** What it was copied from, which is the one to name where a record is damaged. */
  readonly dataPath: string;
  /** RFC 3339. */
  readonly takenAt: string;
}

/**
 * Verifies a copy and seals it. Afterwards it is on the disk.
 *
 * @throws CubeError `storage-damaged`
 */
export async function sealBackup({ path, dataPath, takenAt }: FreshCopy): Promise<BackupSeal> {
  const verified = await readAll(path, 'wal', dataPath);
  const cluster = verified.cluster;
  if (cluster === undefined) throw damagedError(dataPath, 'it names no cluster');
  const { digest, ...records } = verified;
  const seal: BackupSeal = { ...records, cluster, format: FORMAT_VERSION, takenAt, digest };
  const database = new DatabaseSync(path);
  try {
    writeFact(database, SEAL, JSON.stringify(seal));
    // Without a log beside it, it can be read where nothing may be written.
    database.exec('PRAGMA journal_mode = DELETE');
  } finally {
    database.close();
  }
  chmodSync(path, PRIVATE_FILE_MODE);
  const descriptor = openSync(path, 'r+');
  fsyncSync(descriptor);
  closeSync(descriptor);
  return seal;
}

/**
 * Reads a backup to the last record, and holds it against its seal. Writes nothing.
 *
 * @throws CubeError `storage-damaged`, `storage-foreign`, `storage-newer`
 */
export async function verifyBackup(path: string): Promise<BackupSeal> {
  try {
    const seal = readSeal(path);
    const found = await readAll(path, 'delete');
    if (found.digest !== seal.digest || found.revision !== seal.revision) {
      throw damagedError(path, 'it does not hold what its seal says');
    }
    return seal;
  } catch (error) {
    throw toStorageError(error, 'read', path);
  }
}

/**
 * Reads the data file of a manager that does not run, to the last record.
 *
 * @throws CubeError `storage-locked`, while one runs; else as `verifyBackup`.
 */
export async function verifyDataFile(path: string): Promise<VerifiedRecords> {
  const lock = FileLock.take(path);
  try {
    return await readAll(path, 'wal');
  } catch (error) {
    throw toStorageError(error, 'read', path);
  } finally {
    lock.release();
  }
}

function readSeal(path: string): BackupSeal {
  readFileHeader(path, false);
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    const text = findFact(database, path, SEAL);
    if (text === undefined) {
      throw foreignError(path, 'a data file in use, or a plain copy of one', 'a backup');
    }
    const seal: BackupSeal = JSON.parse(text);
    return seal;
  } finally {
    database.close();
  }
}

async function readAll(
  path: string,
  journalMode: 'wal' | 'delete',
  named = path,
): Promise<VerifiedRecords & { readonly digest: string }> {
  readFileHeader(path, true);
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    database.exec('PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON');
    checkStructure(database, named, journalMode);
    const { role } = readIdentity(database, named);
    if (role !== 'manager') {
      throw foreignError(named, `the data file of a ${role}`, 'that of a manager');
    }
    const verified = await verifyManagerRecords(recordsOf(database, named));
    return { ...verified, digest: digestOf(database) };
  } finally {
    database.close();
  }
}

/** The records of an open file, each held against its checksum. */
function recordsOf(database: DatabaseSync, path: string): RecordSource {
  const tables = new Map(
    presentCollections(database).map((name) => [name, new CollectionTable(database, path, name)]),
  );
  return {
    list: async (collection, options): Promise<readonly StoredRecord[]> => {
      const { after, ...bounds } = toListBounds(options);
      const table = tables.get(collection);
      if (table === undefined) return [];
      const from = after === undefined ? undefined : toKeyText(after);
      const { texts, versions } = table.page({ ...bounds, after: from });
      return versions.map((version, index) => ({
        key: fromKeyText(texts[2 * index] ?? ''),
        value: JSON.parse(texts[2 * index + 1] ?? 'null'),
        version,
      }));
    },
  };
}

function digestOf(database: DatabaseSync): string {
  const hash = createHash('sha256');
  for (const collection of presentCollections(database)) {
    const rows = database
      .prepare(`SELECT key, version, checksum FROM ${tableOf(collection)} ORDER BY key`)
      .iterate();
    for (const { key, version, checksum } of rows) {
      hash.update(`${collection} ${version} ${checksum} ${key}\n`);
    }
  }
  return hash.digest('hex');
}

/** A file of an older Cube may lack a collection. */
function presentCollections(database: DatabaseSync): readonly string[] {
  const find = database.prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?");
  return managerCollections.filter((name) => find.get(tableOf(name)) !== undefined);
}
