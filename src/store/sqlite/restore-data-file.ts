import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  constants as fs,
  fsyncSync,
  openSync,
  realpathSync,
  rmSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { CubeError } from '../../errors/cube-error.ts';
import { systemRandom } from '../../lib/random.ts';
import { managerCollections } from '../collections.ts';
import { restoredReign } from '../restored-reign.ts';
import { type BackupSeal, SEAL, verifyBackup } from './backup-file.ts';
import { CollectionTable } from './collection-table.ts';
import { makeDraftPath } from './data-file.ts';
import { type DataIdentity, identityPathOf } from './data-identity.ts';
import {
  createCollections,
  createCountsWriter,
  readCounts,
  readIdentity,
  removeFact,
  writeFact,
} from './database.ts';
import { PRIVATE_FILE_MODE, writeFileDurably } from './durable-file.ts';
import { FileLock } from './file-lock.ts';
import {
  finishRestore,
  ordersPathOf,
  type RestoreOrders,
  suffixesToSetAside,
} from './finish-restore.ts';
import { assertLocalFileSystem } from './network-file-system.ts';
import { toStorageError } from './storage-error.ts';

export interface RestoreOptions {
  readonly backupPath: string;
  /** Its directory must be there. */
  readonly dataPath: string;
  /** Whether data that are there already are set aside. Default false: they are left, and nothing is restored. */
  readonly force?: boolean;
  /** Wall time in milliseconds. */
  readonly nowMs: number;
}

export interface Restored {
  readonly seal: BackupSeal;
  /** The epoch before the one that the next manager begins. */
  readonly epoch: number;
  /** Where the data are that were there before; undefined if there were none. */
  readonly asidePath?: string;
}

/**
 * Puts a backup in the place of a manager's data file.
 *
 * The new file is made complete under another name first. Then one small file says what is to take
 * whose place: from that moment on the restore counts as done, and whoever opens the data file
 * next carries out what a crash left. Before it, nothing has changed.
 *
 * @throws CubeError `storage-locked`, while a manager runs there; `conflict`, when other data are
 *   there and `force` is not set; as `verifyBackup`, when it is not sound.
 */
export async function restoreDataFile(options: RestoreOptions): Promise<Restored> {
  const seal = await verifyBackup(options.backupPath);
  try {
    return restoreVerified(seal, options);
  } catch (error) {
    throw toStorageError(error, 'restore', options.dataPath);
  }
}

function restoreVerified(seal: BackupSeal, options: RestoreOptions): Restored {
  const { backupPath, force = false, nowMs } = options;
  const directory = realpathSync(dirname(resolve(options.dataPath)));
  assertLocalFileSystem(directory);
  const dataPath = join(directory, basename(options.dataPath));
  const lock = FileLock.take(dataPath);
  try {
    finishRestore(dataPath);
    const found = suffixesToSetAside.filter((suffix) => existsSync(dataPath + suffix));
    if (found.length > 0 && !force) throw occupiedError(dataPath);
    const draft = makeDraftPath(dataPath);
    try {
      const { epoch, identity } = makeDraft(draft, {
        backupPath,
        replacedPath: dataPath,
        nowMs,
        seal,
      });
      const stamp = new Date(nowMs).toISOString().replace(/[^0-9T]/g, '');
      const aside = `replaced-${stamp}-${basename(dataPath)}`;
      const orders: RestoreOrders = { draft: basename(draft), aside, identity };
      assertFree(join(directory, aside));
      writeFileDurably(ordersPathOf(dataPath), `${JSON.stringify(orders)}\n`);
      finishRestore(dataPath);
      return { seal, epoch, ...(found.length > 0 ? { asidePath: join(directory, aside) } : {}) };
    } finally {
      rmSync(draft, { force: true });
    }
  } finally {
    lock.release();
  }
}

/** The backup as a data file that a manager can begin its reign on. */
function makeDraft(
  draft: string,
  source: {
    readonly backupPath: string;
    readonly replacedPath: string;
    readonly nowMs: number;
    readonly seal: BackupSeal;
  },
): { readonly epoch: number; readonly identity: DataIdentity } {
  copyFileSync(source.backupPath, draft, fs.COPYFILE_EXCL);
  chmodSync(draft, PRIVATE_FILE_MODE);
  const database = new DatabaseSync(draft);
  try {
    const { reign, attemptFloor } = restoredReign(source.seal, {
      replacedEpoch: tryReadEpoch(source.replacedPath),
      nowMs: source.nowMs,
    });
    database.exec('PRAGMA synchronous = EXTRA; BEGIN IMMEDIATE');
    createCollections(database, managerCollections);
    const meta = new CollectionTable(database, draft, 'meta');
    const counts = readCounts(database, draft);
    const restored = { attemptFloor, takenAt: source.seal.takenAt, revision: source.seal.revision };
    for (const [key, value] of Object.entries({ reign, restored })) {
      const isNew = meta.put(key, JSON.stringify(value));
      if (isNew) counts.set('meta', (counts.get('meta') ?? 0) + 1);
    }
    createCountsWriter(database)(counts);
    removeFact(database, SEAL);
    // A log that was left beside another data file can never be taken for one of this.
    const identity = { ...readIdentity(database, draft), id: systemRandom.uuid() };
    writeFact(database, 'identity', JSON.stringify(identity));
    database.exec('COMMIT; PRAGMA journal_mode = WAL');
    return { epoch: reign.epoch, identity };
  } finally {
    database.close();
    flushFile(draft);
  }
}

/** The epoch of what is replaced; 0 where it cannot be read, for it may be what a disk left of it. */
function tryReadEpoch(path: string): number {
  if (!existsSync(path)) return 0;
  try {
    using database = new DatabaseSync(path, { readOnly: true });
    const table = new CollectionTable(database, path, 'meta');
    const record = table.find('reign');
    return record === undefined ? 0 : Number(JSON.parse(record.text).epoch);
  } catch {
    return 0;
  }
}

function flushFile(path: string): void {
  const descriptor = openSync(path, 'r+');
  fsyncSync(descriptor);
  closeSync(descriptor);
}

function assertFree(path: string): void {
  if (!existsSync(path)) return;
  throw new CubeError('conflict', `${path} is there already.`, { hint: 'Try again in a moment.' });
}

function occupiedError(dataPath: string): CubeError {
  const what = existsSync(dataPath) ? dataPath : identityPathOf(dataPath);
  return new CubeError('conflict', `There are other data already: ${what}. Nothing was changed.`, {
    hint: 'Choose another directory with --data-dir, or give --force: it sets them aside, and deletes nothing.',
  });
}
