import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CubeError } from '../../src/errors/cube-error.ts';
import type { ErrorCode } from '../../src/errors/error-codes.ts';
import { SeededRandom } from '../../src/simulation/seeded-random.ts';
import { DataFile } from '../../src/store/sqlite/data-file.ts';
import { SqliteEngine } from '../../src/store/sqlite/sqlite-engine.ts';
import { openSqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { toStorageError } from '../../src/store/sqlite/storage-error.ts';
import type { Store, StoredRecord } from '../../src/store/store.ts';
import { isLong, tell } from '../support/long-run.ts';
import {
  copyStore,
  fingerprint,
  openTestStore,
  readStore,
  testCollections,
  writeTask,
} from '../support/store-files.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../support/temporary-directory.ts';

/**
 * A damaged, foreign or missing data file is refused with a word that helps, stays as it is, and
 * never passes for a new or a sound one.
 */

/** A store that was closed, and one whose process died with transactions still in the log. */
let directory: TemporaryDirectory;
let closedStore: string;
let killedStore: string;
let contents: Record<string, readonly StoredRecord[]>;
let nextCopy = 0;

beforeAll(async () => {
  directory = await temporaryDirectory();
  closedStore = join(directory.path, 'closed.db');
  killedStore = join(directory.path, 'killed.db');
  const store = await openTestStore(closedStore);
  for (let index = 0; index < 150; index += 1) await writeTask(store, index);
  contents = await readStore(store);
  // Only the database is held by a lock; a copy taken between two transactions is what a
  // process leaves that is killed there.
  copyStore(closedStore, killedStore);
  await store.close();
});

afterAll(() => directory[Symbol.asyncDispose]());

/** A fresh copy, in a directory of its own. */
function copyOf(original: string): string {
  nextCopy += 1;
  const home = join(directory.path, `copy-${nextCopy}`);
  mkdirSync(home);
  const copy = join(home, basename(original));
  copyStore(original, copy);
  return copy;
}

async function refusalOf(path: string): Promise<CubeError> {
  try {
    const store = await openTestStore(path);
    await store.close();
  } catch (error) {
    if (error instanceof CubeError) return error;
    throw error;
  }
  throw new Error(`${path} was opened and should have been refused.`);
}

/**
 * Opens and reads everything; gives the code of the refusal, or undefined if all is as written.
 * In this thread, since starting one for each of many flips takes longer than all the rest.
 */
function readOrRefuse(path: string): ErrorCode | undefined {
  const before = fingerprint(path);
  let file: DataFile | undefined;
  try {
    file = DataFile.open({
      path,
      role: 'manager',
      collections: testCollections,
      synchronous: 'FULL',
    });
    expect(readAll(new SqliteEngine(file, testCollections))).toEqual(contents);
    return undefined;
  } catch (error) {
    if (file === undefined) expect(fingerprint(path)).toBe(before);
    if (error instanceof Error && error.name === 'AssertionError') throw error;
    const refusal = toStorageError(error, 'open', path);
    expect(refusal.message).toContain(path);
    return refusal.code;
  } finally {
    file?.close();
  }
}

function readAll(engine: SqliteEngine): typeof contents {
  const query = { after: undefined, limit: 10_000, reverse: false };
  const entries = testCollections.map((collection) => {
    const { texts, versions } = engine.list(collection, query);
    const records = versions.map((version, index) => ({
      key: texts[2 * index] ?? '',
      value: JSON.parse(texts[2 * index + 1] ?? ''),
      version,
    }));
    return [collection, records] as const;
  });
  return Object.fromEntries(entries);
}

function flipBit(path: string, bit: number): void {
  const bytes = readFileSync(path);
  const index = Math.floor(bit / 8);
  bytes.writeUInt8(bytes.readUInt8(index) ^ (1 << (bit % 8)), index);
  writeFileSync(path, bytes);
}

test('both originals are sound', () => {
  expect(statSync(`${killedStore}-wal`).size).toBeGreaterThan(100_000);
  expect(readOrRefuse(copyOf(closedStore))).toBeUndefined();
  expect(readOrRefuse(copyOf(killedStore))).toBeUndefined();
});

describe('a data file that was cut', () => {
  test.each([
    ['to nothing', () => 0],
    ['to 100 bytes', () => 100],
    ['one byte short of a page', () => 4095],
    ['to one page', () => 4096],
    ['to half', (size: number) => Math.floor(size / 2)],
    ['by one byte', (size: number) => size - 1],
  ])('%s is refused as damaged and stays as it is', async (_name, lengthOf) => {
    const path = copyOf(closedStore);
    truncateSync(path, lengthOf(statSync(path).size));
    const before = fingerprint(path);
    const refusal = await refusalOf(path);
    expect(refusal.code).toBe('storage-damaged');
    expect(refusal.message).toContain(path);
    expect(fingerprint(path)).toBe(before);
    // With pages in the log, the file may be cut where the log has all that is missing.
    const killed = copyOf(killedStore);
    truncateSync(killed, lengthOf(statSync(killed).size));
    expect([undefined, 'storage-damaged']).toContain(readOrRefuse(killed));
  });
});

/** A long run flips others, and more of them. */
const times = isLong ? 20 : 1;
const firstSeed = isLong ? Math.floor(Date.now() / 1000) : 1;

/** A flipped bit of what says whose file this is, and of which format, makes it another's. */
const refusals = [undefined, 'storage-damaged', 'storage-newer', 'storage-foreign'];

describe('a flipped bit', () => {
  test('in the data file is found, or changes nothing', () => {
    const random = new SeededRandom(firstSeed);
    const size = statSync(closedStore).size;
    let foundCount = 0;
    for (let flip = 0; flip < 120 * times; flip += 1) {
      const path = copyOf(closedStore);
      flipBit(path, Math.floor(random.next() * size * 8));
      const code = readOrRefuse(path);
      if (code !== undefined) foundCount += 1;
      expect(refusals).toContain(code);
    }
    // Some bits of a file mean nothing: those of free space.
    expect(foundCount).toBeGreaterThan(30 * times);
    tell({ 'flipped bits': 220 * times });
  }, 900_000);

  test('in the data file beside a log is found, or changes nothing', () => {
    const random = new SeededRandom(firstSeed + 2);
    const size = statSync(killedStore).size;
    for (let flip = 0; flip < 40 * times; flip += 1) {
      const path = copyOf(killedStore);
      flipBit(path, Math.floor(random.next() * size * 8));
      expect(refusals).toContain(readOrRefuse(path));
    }
  }, 900_000);

  test('in each byte of the header is found, or changes nothing', () => {
    for (let byte = 0; byte < 100; byte += 1) {
      const path = copyOf(closedStore);
      flipBit(path, byte * 8 + (byte % 8));
      readOrRefuse(path);
    }
  });

  test('in the log is found, wherever transactions follow', () => {
    const random = new SeededRandom(firstSeed + 1);
    const size = statSync(`${killedStore}-wal`).size;
    for (let flip = 0; flip < 60 * times; flip += 1) {
      const path = copyOf(killedStore);
      flipBit(`${path}-wal`, Math.floor(random.next() * size * 0.95 * 8));
      expect(readOrRefuse(path), `seed ${firstSeed}`).toBe('storage-damaged');
    }
  }, 900_000);

  test('in a record is told with collection and key, and the others can be read', async () => {
    const path = copyOf(closedStore);
    const at = readFileSync(path).indexOf('"name":"task-77"');
    flipBit(path, (at + 9) * 8);
    const store = await openTestStore(path);
    await expect(store.find('tasks', '000077')).rejects.toMatchObject({
      code: 'storage-damaged',
      message: expect.stringContaining('"tasks/000077"'),
    });
    const neighbours = ['000076', '000077', '000078'].map((key) => store.find('tasks', key));
    expect(await Promise.allSettled(neighbours)).toMatchObject([
      { value: { key: '000076' } },
      { reason: { code: 'storage-damaged' } },
      { value: { key: '000078' } },
    ]);
    await expect(store.list('tasks')).rejects.toMatchObject({ code: 'storage-damaged' });
    const compared = store.transact({
      compare: [{ collection: 'tasks', key: '000077', version: 1 }],
    });
    await expect(compared).rejects.toMatchObject({ code: 'storage-damaged' });
    expect((await store.find('tasks', '000078'))?.version).toBe(1);
    await store.transact({ put: [{ collection: 'tasks', key: 'new', value: 1 }] });
    await store.close();
  });
});

test('a record that is damaged far down a long list is told, and none of the list is given', async () => {
  const path = copyOf(closedStore);
  const put = Array.from({ length: 3000 }, (_, index) => ({
    collection: 'tasks',
    key: `long ${String(index).padStart(4, '0')}`,
    value: `long-${index}`,
  }));
  const written = await openTestStore(path);
  await written.transact({ put });
  await written.close();
  flipBit(path, (readFileSync(path).indexOf('"long-2700"') + 3) * 8);
  const store = await openTestStore(path);
  await expect(store.list('tasks', { limit: 10_000 })).rejects.toMatchObject({
    code: 'storage-damaged',
    message: expect.stringContaining('"tasks/long 2700"'),
  });
  expect(await store.list('tasks', { after: 'long 2700', limit: 10_000 })).toHaveLength(299);
  await store.close();
});

describe('a large data file that is read while it is checked', () => {
  async function openEarly(path: string): Promise<Store> {
    return openSqliteStore({
      path,
      role: 'manager',
      collections: testCollections,
      readsEarly: true,
    });
  }

  async function makeLarge(): Promise<string> {
    const path = join(directory.path, `large-${nextCopy++}`, 'cube.db');
    const store = await openTestStore(path);
    const value = 'x'.repeat(1_000_000);
    for (let index = 0; index < 20; index += 1) {
      await store.transact({ put: [{ collection: 'tasks', key: `${index}`, value }] });
    }
    await store.close();
    return path;
  }

  test('takes changes once it was found whole, those that waited first', async () => {
    const store = await openEarly(await makeLarge());
    const changes = [1, 2, 3].map((value) =>
      store.transact({ put: [{ collection: 'tasks', key: 'new', value }] }),
    );
    expect((await Array.fromAsync(store.scan('tasks'))).flat().length).toBeGreaterThanOrEqual(20);
    await Promise.all(changes);
    expect(await store.find('tasks', 'new')).toEqual({ key: 'new', value: 3, version: 3 });
    expect(await store.count('tasks')).toBe(21);
    await store.close();
  });

  test('refuses every change when its structure is broken, and stays as it is', async () => {
    const path = await makeLarge();
    const bytes = readFileSync(path);
    // A page of a long text that says that the text goes on where it does not.
    bytes.writeUInt32BE(3, 4096 * 2000);
    writeFileSync(path, bytes);
    const before = fingerprint(path);
    const store = await openEarly(path);
    expect(await store.count('tasks')).toBe(20);
    const put = [{ collection: 'tasks', key: 'new', value: 1 }];
    await expect(store.transact({ put })).rejects.toMatchObject({ code: 'storage-damaged' });
    await expect(store.transact({ put })).rejects.toMatchObject({ code: 'storage-damaged' });
    await store.close();
    expect(fingerprint(path)).toBe(before);
    expect((await refusalOf(path)).code).toBe('storage-damaged');
  });

  test('can be closed before the verdict', async () => {
    const path = await makeLarge();
    await (await openEarly(path)).close();
    await (await openTestStore(path)).close();
  });
});

describe('what is no data file of this kind', () => {
  const place = (): string => join(directory.path, `foreign-${nextCopy++}`, 'cube.db');

  function placeWith(content: string | Buffer): string {
    const path = place();
    mkdirSync(join(path, '..'));
    writeFileSync(path, content);
    return path;
  }

  test.each([
    ['JSON', '{"tasks":[]}'],
    ['random bytes', Buffer.from(Array.from({ length: 9000 }, (_, index) => (index * 89) % 251))],
    ['the beginning of a database header', 'SQLite format 3\0'],
  ])('%s is refused as foreign', async (_name, content) => {
    const path = placeWith(content);
    expect((await refusalOf(path)).code).toBe('storage-foreign');
    expect(readFileSync(path)).toEqual(Buffer.from(content));
  });

  test('an empty file is refused: Cube never leaves one', async () => {
    const path = placeWith('');
    expect((await refusalOf(path)).code).toBe('storage-damaged');
    expect(statSync(path).size).toBe(0);
  });

  test('the SQLite database of another program is refused as foreign', async () => {
    const path = placeWith('');
    const other = new DatabaseSync(path);
    other.exec('CREATE TABLE theirs (a); INSERT INTO theirs VALUES (1)');
    other.close();
    const before = fingerprint(path);
    expect((await refusalOf(path)).code).toBe('storage-foreign');
    expect(fingerprint(path)).toBe(before);
    expect(readdirSync(join(path, '..'))).toEqual(['cube.db', 'cube.db.guard']);
  });

  test('the data file of a worker is refused by a manager', async () => {
    const path = place();
    const options = { path, collections: testCollections };
    await (await openSqliteStore({ ...options, role: 'worker' })).close();
    const refusal = await refusalOf(path);
    expect(refusal.code).toBe('storage-foreign');
    expect(refusal.message).toContain('worker');
  });

  test('a file of a newer format is refused, with both versions', async () => {
    for (const original of [closedStore, killedStore]) {
      const path = copyOf(original);
      const bytes = readFileSync(path);
      bytes.writeUInt32BE(2, 60);
      writeFileSync(path, bytes);
      const before = fingerprint(path);
      const refusal = await refusalOf(path);
      expect(refusal.code).toBe('storage-newer');
      expect(refusal.message).toContain('format 2');
      expect(refusal.message).toContain('up to 1');
      expect(fingerprint(path)).toBe(before);
    }
  });

  test('a directory is refused', async () => {
    const path = place();
    mkdirSync(path, { recursive: true });
    expect(await refusalOf(path)).toMatchObject({
      code: 'storage-damaged',
      message: expect.stringContaining('directory'),
    });
  });

  test('a FIFO is refused, without waiting for a writer', async () => {
    const path = place();
    mkdirSync(join(path, '..'));
    expect(spawnSync('mkfifo', [path]).status).toBe(0);
    expect((await refusalOf(path)).code).toBe('storage-damaged');
  });

  test('a loop of symbolic links is refused, and so is a link that leads nowhere', async () => {
    const path = place();
    mkdirSync(join(path, '..'));
    symlinkSync(`${path}-2`, path);
    expect((await refusalOf(path)).code).toBe('storage-damaged');
    symlinkSync(path, `${path}-2`);
    expect((await refusalOf(path)).code).toBe('storage-damaged');
    expect(readdirSync(join(path, '..'))).toEqual(['cube.db', 'cube.db-2']);
  });
});

describe('data that should be there', () => {
  test('and are not make no new database', async () => {
    const path = copyOf(closedStore);
    rmSync(path);
    const refusal = await refusalOf(path);
    expect(refusal.code).toBe('storage-damaged');
    expect(refusal.message).toContain('gone');
    expect(existsSync(path)).toBe(false);
  });

  test('and are those of another file are refused', async () => {
    const path = copyOf(closedStore);
    const other = join(directory.path, 'other', 'cube.db');
    await (await openTestStore(other)).close();
    writeFileSync(`${path}.id`, readFileSync(`${other}.id`));
    expect((await refusalOf(path)).code).toBe('storage-foreign');
  });

  test('and whose note beside the file is unreadable are refused until it is taken away', async () => {
    const path = copyOf(closedStore);
    writeFileSync(`${path}.id`, '{');
    expect(await refusalOf(path)).toMatchObject({
      code: 'storage-damaged',
      message: expect.stringContaining('.id'),
    });
    rmSync(`${path}.id`);
    expect(readOrRefuse(path)).toBeUndefined();
    expect(readFileSync(`${path}.id`)).toEqual(readFileSync(`${closedStore}.id`));
  });

  test('may have more bytes after them than they need', () => {
    const path = copyOf(closedStore);
    appendFileSync(path, Buffer.alloc(4096));
    expect([undefined, 'storage-damaged']).toContain(readOrRefuse(path));
  });
});
