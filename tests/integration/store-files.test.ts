import { chmodSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, describe, expect, test } from 'vitest';
import { openSqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { openTestStore, testCollections, writeTask } from '../support/store-files.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const initialMask = process.umask();
afterEach(() => {
  process.umask(initialMask);
});

function modeOf(path: string): string {
  return (statSync(path).mode & 0o777).toString(8);
}

describe('the files of a store', () => {
  test.each([0o000, 0o022, 0o277])('are for their owner alone under umask %o', async (mask) => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, 'outer', 'inner', 'cube.db');
    process.umask(mask);
    const store = await openTestStore(path);
    await writeTask(store, 1);
    expect(modeOf(join(directory.path, 'outer'))).toBe('700');
    expect(modeOf(dirname(path))).toBe('700');
    const names = readdirSync(dirname(path));
    expect(names).toContain('cube.db-wal');
    for (const name of names)
      expect([name, modeOf(join(dirname(path), name))]).toEqual([name, '600']);
    await store.close();
  });

  test('that others may read are closed to them, and a directory that was there is not', async () => {
    await using directory = await temporaryDirectory();
    const home = join(directory.path, 'shared');
    mkdirSync(home);
    chmodSync(home, 0o755);
    const path = join(home, 'cube.db');
    await (await openTestStore(path)).close();
    chmodSync(path, 0o644);
    await (await openTestStore(path)).close();
    expect(modeOf(path)).toBe('600');
    expect(modeOf(home)).toBe('755');
  });

  test('are few once it is closed: data, identity, guard', async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, 'cube.db');
    writeFileSync(`${path}.new-left-by-a-crash`, 'half a database');
    const store = await openTestStore(path);
    await writeTask(store, 1);
    await store.close();
    expect(readdirSync(directory.path)).toEqual(['cube.db', 'cube.db.guard', 'cube.db.id']);
  });

  test('are found from every name of the data file', async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, 'real', 'cube.db');
    const store = await openTestStore(path);
    await writeTask(store, 1);
    const alias = join(directory.path, 'alias.db');
    symlinkSync(path, alias);
    await expect(openTestStore(alias)).rejects.toMatchObject({ code: 'storage-locked' });
    await store.close();
    const again = await openTestStore(alias);
    expect(await again.count('tasks')).toBe(1);
    await again.close();
    expect(readdirSync(directory.path)).toEqual([basename(alias), 'real']);
  });

  test('are left alone while another program has the data file open', async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, 'cube.db');
    await (await openTestStore(path)).close();
    const other = new DatabaseSync(path);
    other.exec('SELECT * FROM cube');
    await expect(openTestStore(path)).rejects.toMatchObject({
      code: 'storage-locked',
      message: expect.stringContaining(path),
    });
    other.close();
    await (await openTestStore(path)).close();
  });

  test('take in collections that a newer Cube adds, and keep those of an older one', async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, 'cube.db');
    const older = await openTestStore(path);
    await writeTask(older, 1);
    await older.close();
    const newer = await openSqliteStore({ path, role: 'manager', collections: ['tasks', 'added'] });
    await newer.transact({ put: [{ collection: 'added', key: 'a', value: 1 }] });
    expect([await newer.count('tasks'), await newer.count('added')]).toEqual([1, 1]);
    await newer.close();
    const again = await openSqliteStore({
      path,
      role: 'manager',
      collections: [...testCollections, 'added'],
    });
    expect(await again.count('events')).toBe(1);
    expect(await again.count('added')).toBe(1);
    await again.close();
  });

  test('take in a new collection also where a large file would be read before it is checked', async () => {
    await using directory = await temporaryDirectory();
    const options = { path: join(directory.path, 'cube.db'), role: 'manager' } as const;
    const older = await openSqliteStore({ ...options, collections: ['tasks'] });
    const value = 'x'.repeat(1024 * 1024);
    for (let index = 0; index < 17; index += 1) {
      await older.transact({ put: [{ collection: 'tasks', key: `${index}`, value }] });
    }
    await older.close();
    const collections = ['tasks', 'added'];
    const newer = await openSqliteStore({ ...options, collections, readsEarly: true });
    expect([await newer.count('tasks'), await newer.count('added')]).toEqual([17, 0]);
    await newer.transact({ put: [{ collection: 'added', key: 'a', value: 1 }] });
    expect(await newer.count('added')).toBe(1);
    await newer.close();
  });

  test('cannot be made where a file stands in the way of the directory', async () => {
    await using directory = await temporaryDirectory();
    writeFileSync(join(directory.path, 'file'), '');
    const opening = openTestStore(join(directory.path, 'file', 'cube.db'));
    await expect(opening).rejects.toMatchObject({ code: 'storage-failed' });
  });
});
