import { randomUUID } from 'node:crypto';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  checkStructure,
  createDatabase,
  LOG_BYTES_MAX,
  openDatabase,
} from '../../src/store/sqlite/database.ts';
import { GroupWriter } from '../../src/store/sqlite/group-writer.ts';
import { toKeyText } from '../../src/store/sqlite/key-text.ts';
import { LogReserve, RESERVE_BYTES_MAX } from '../../src/store/sqlite/log-reserve.ts';
import { SqliteEngine } from '../../src/store/sqlite/sqlite-engine.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const collections = ['tasks'];

/** A data file and the reserve in its log, without the thread in which they live. */
async function openParts(): Promise<Parts> {
  await using resources = new AsyncDisposableStack();
  const directory = resources.use(await temporaryDirectory());
  const path = join(directory.path, 'cube.db');
  const identity = {
    id: randomUUID(),
    role: 'manager',
    createdAt: '2026-01-01T00:00:00Z',
  } as const;
  createDatabase(path, identity, collections);
  const database = resources.adopt(openDatabase(path, 'FULL'), (open) => open.close());
  const engine = new SqliteEngine({ path, database, counts: new Map() }, collections);
  const writer = new GroupWriter(collections);
  const write = (index: number, length: number): void => {
    const value = 'x'.repeat(length);
    writer.add({ put: [{ collection: 'tasks', key: String(index), value }] });
    engine.commit(writer.take());
  };
  write(0, 1);
  const reserve = resources.adopt(new LogReserve(path), (held) => held.close());
  const kept = resources.move();
  const dispose = (): Promise<void> => kept.disposeAsync();
  return { path, database, engine, reserve, write, [Symbol.asyncDispose]: dispose };
}

interface Parts extends AsyncDisposable {
  readonly path: string;
  readonly database: ReturnType<typeof openDatabase>;
  readonly engine: SqliteEngine;
  readonly reserve: LogReserve;
  /** Commits one record with a value of so many characters. */
  readonly write: (index: number, length: number) => void;
}

test('the reserve in the log is whole after each change, also once SQLite has cut a long log', async () => {
  await using parts = await openParts();
  const { path, engine, reserve, write } = parts;
  let cutCount = 0;
  let sizeBefore = 0;
  for (let index = 1; index < 160; index += 1) {
    // Every other change is small, so that the log need not be lengthened for it.
    const isSmall = index % 2 === 0;
    // As the store's thread does in a pause; log and reserve are longer than SQLite leaves a log.
    if (!isSmall && engine.logUsedBytes() > LOG_BYTES_MAX - RESERVE_BYTES_MAX / 2) {
      engine.checkpoint();
      reserve.logMoved();
    }
    write(index, isSmall ? 1 : 2 * 1024 * 1024);
    expect(reserve.tend(engine.logUsedBytes())).toBeUndefined();
    const { size } = statSync(`${path}-wal`);
    expect(size).toBeGreaterThanOrEqual(engine.logUsedBytes() + RESERVE_BYTES_MAX);
    if (size < sizeBefore) cutCount += 1;
    sizeBefore = size;
  }
  expect(cutCount).toBeGreaterThan(1);
});

test('a change that is longer than the reserve is not written over', async () => {
  await using parts = await openParts();
  const { path, database, engine, reserve, write } = parts;
  const lengths = [1, 1, 3 * RESERVE_BYTES_MAX, 1, 2 * RESERVE_BYTES_MAX, 1];
  for (const [index, length] of lengths.entries()) {
    write(index + 1, length);
    expect(reserve.tend(engine.logUsedBytes())).toBeUndefined();
  }
  engine.checkpoint();
  checkStructure(database, path);
  for (const [index, length] of lengths.entries()) {
    const found = engine.find('tasks', toKeyText(String(index + 1)));
    expect(found?.text).toHaveLength(JSON.stringify('x'.repeat(length)).length);
  }
});
