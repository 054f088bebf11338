import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { expect, test, vi } from 'vitest';
import { isCubeError } from '../../src/errors/cube-error.ts';
import { openSqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { eventually } from '../support/eventually.ts';
import { openTestStore, testCollections, writeTask } from '../support/store-files.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const MEGABYTE = 1024 * 1024;

test('the log stays bounded under load without a pause', async () => {
  await using directory = await temporaryDirectory();
  const path = join(directory.path, 'cube.db');
  const store = await openTestStore(path);
  const value = 'x'.repeat(4 * MEGABYTE);
  let sizeMax = 0;
  for (let round = 0; round < 40; round += 1) {
    await store.transact({ put: [{ collection: 'tasks', key: String(round % 4), value }] });
    sizeMax = Math.max(sizeMax, statSync(`${path}-wal`).size);
  }
  expect(sizeMax).toBeGreaterThan(32 * MEGABYTE);
  expect(sizeMax).toBeLessThan(72 * MEGABYTE);
  await store.close();
});

test('a pause is used to move the log into the data file', async () => {
  await using directory = await temporaryDirectory();
  const path = join(directory.path, 'cube.db');
  const store = await openTestStore(path);
  const before = statSync(path).size;
  for (let index = 0; index < 100; index += 1) await writeTask(store, index);
  await eventually('the data file has grown', () => statSync(path).size > before);
  await store.close();
});

test('an open store lets the process end, but not before what it was asked is done', async () => {
  await using directory = await temporaryDirectory();
  const path = join(directory.path, 'cube.db');
  const storeUrl = new URL('../../src/store/sqlite/sqlite-store.ts', import.meta.url).href;
  const program = `
    import { openSqliteStore } from ${JSON.stringify(storeUrl)};
    const collections = ${JSON.stringify(testCollections)};
    const store = await openSqliteStore({ path: ${JSON.stringify(path)}, role: 'manager', collections });
    const put = [{ collection: 'tasks', key: 'a', value: 'x'.repeat(5_000_000) }];
    store.transact({ put }).then(() => process.stdout.write('kept'));
  `;
  const run = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  expect(run).toMatchObject({ status: 0, stdout: 'kept', stderr: '' });
  const store = await openTestStore(path);
  expect(await store.count('tasks')).toBe(1);
  await store.close();
});

test('a collection that cannot be a table is a bug of the caller, and nothing is made', async () => {
  await using directory = await temporaryDirectory();
  const path = join(directory.path, 'cube.db');
  const opening = openSqliteStore({ path, role: 'manager', collections: ['No Name"'] });
  await expect(opening).rejects.toMatchObject({ code: 'internal' });
  const store = await openTestStore(path);
  await store.close();
});

test('a thread that dies ends the store with a word, and the next opening finds what was kept', async () => {
  await using directory = await temporaryDirectory();
  const path = join(directory.path, 'cube.db');
  const unref = vi.spyOn(Worker.prototype, 'unref');
  const store = await openTestStore(path);
  const [thread] = unref.mock.contexts;
  unref.mockRestore();
  await writeTask(store, 1);
  // The end may come before or after the flush of this one.
  const outcome = writeTask(store, 2).then(
    () => 'kept',
    (error: unknown) => (isCubeError(error) ? error.code : error),
  );
  if (thread instanceof Worker) await thread.terminate();
  expect(['kept', 'storage-failed']).toContain(await outcome);
  for (const call of [() => writeTask(store, 3), () => store.find('tasks', 'a')]) {
    await expect(call()).rejects.toMatchObject({
      code: 'storage-failed',
      message: expect.stringContaining(path),
    });
  }
  await store.close();
  await expect(store.count('tasks')).rejects.toMatchObject({ code: 'storage-closed' });
  const again = await openTestStore(path);
  expect(await again.find('tasks', '000001')).toBeDefined();
  if ((await outcome) === 'kept') expect(await again.find('tasks', '000002')).toBeDefined();
  await writeTask(again, 3);
  await again.close();
});
