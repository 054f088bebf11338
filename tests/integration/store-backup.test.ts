import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, test } from 'vitest';
import { writeBackup } from '../../src/cli/write-backup.ts';
import { managerCollections, revisionKey } from '../../src/store/collections.ts';
import { openSqliteStore, type SqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import type { Store } from '../../src/store/store.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const cluster = '3f0c8a54-9f0e-4f55-8a63-3a0f6a3b8a11';

function openStore(directory: string): Promise<SqliteStore> {
  const path = join(directory, 'manager.db');
  return openSqliteStore({ path, role: 'manager', collections: managerCollections });
}

/** Events from a revision on, in one transaction. */
async function writeEvents(store: Store, from: number, count: number): Promise<void> {
  const put = Array.from({ length: count }, (_, index) => ({
    collection: 'events',
    key: revisionKey(from + index),
    value: { revision: from + index, text: 'x'.repeat(1000) },
  }));
  await store.transact({ put });
}

async function filled(directory: string, count: number): Promise<SqliteStore> {
  const store = await openStore(directory);
  const reign = { collection: 'meta', key: 'reign', value: { cluster, epoch: 1 } };
  await store.transact({ put: [reign] });
  await writeEvents(store, 1, count);
  return store;
}

describe('a copy of a store', () => {
  test('is made while commits go on, and is whole as of one moment', async () => {
    await using home = await temporaryDirectory();
    const store = await filled(home.path, 4000);
    let isDone = false;
    const copying = store.backUp().finally(() => {
      isDone = true;
    });
    let revision = 4001;
    let madeMeanwhile = 0;
    while (!isDone) {
      await writeEvents(store, revision, 1);
      revision += 1;
      if (!isDone) madeMeanwhile += 1;
    }
    await using copy = await copying;
    const { seal } = await writeBackup(join(home.path, 'copy'), copy.read());
    expect(madeMeanwhile).toBeGreaterThan(3);
    expect(seal).toMatchObject({ cluster, epoch: 1, floor: 0 });
    expect(seal.revision).toBeGreaterThanOrEqual(4000);
    expect(seal.counts['events']).toBe(seal.revision);
    await store.close();
  });

  test('begins whatever transaction is under way', async () => {
    await using home = await temporaryDirectory();
    const store = await filled(home.path, 1);
    let isDone = false;
    let revision = 1;
    const write = async (): Promise<void> => {
      while (!isDone) {
        revision += 1;
        await writeEvents(store, revision, 1);
      }
    };
    const writing = Promise.all([write(), write(), write(), write()]);
    for (let index = 0; index < 20; index += 1) {
      await using copy = await store.backUp();
      expect(copy.sizeBytes).toBeGreaterThan(0);
    }
    isDone = true;
    await writing;
    await store.close();
  });

  test('is given up when the store is closed', async () => {
    await using home = await temporaryDirectory();
    const store = await filled(home.path, 8000);
    const copying = store.backUp();
    const outcome = copying.then(
      async (copy) => copy[Symbol.asyncDispose](),
      (error: unknown) => error,
    );
    await store.close();
    const error = await outcome;
    if (error !== undefined) expect(error).toMatchObject({ code: 'unavailable' });
    expect(await readdir(home.path)).not.toContainEqual(expect.stringContaining('.new-'));
    const again = await openStore(home.path);
    expect(await again.count('events')).toBe(8000);
    await again.close();
  });

  test('is refused when a record is damaged, which is named', async () => {
    await using home = await temporaryDirectory();
    await (await filled(home.path, 20)).close();
    {
      using database = new DatabaseSync(join(home.path, 'manager.db'));
      database.exec("UPDATE records_events SET value = replace(value, 'x', 'y') WHERE rowid = 7");
    }
    const store = await openStore(home.path);
    await expect(store.backUp()).rejects.toMatchObject({
      code: 'storage-damaged',
      message: expect.stringMatching(/manager\.db is damaged: the record "events\/0+7"/),
    });
    expect(await readdir(home.path)).not.toContainEqual(expect.stringContaining('.new-'));
    // The store itself goes on.
    await writeEvents(store, 21, 1);
    await store.close();
  });
});

test('a backup that breaks off leaves nothing behind', async () => {
  await using home = await temporaryDirectory();
  const file = join(home.path, 'copy');
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('SQLite format 3\0');
    throw new Error('The connection broke off.');
  }
  await expect(writeBackup(file, broken())).rejects.toThrow('broke off');
  expect(await readdir(home.path)).toEqual([]);
});
