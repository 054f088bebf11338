import { randomUUID } from 'node:crypto';
import { copyFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
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

/** What the store's thread does between requests, and how long a change may be, in characters. */
const stepArbitrary = fc.oneof(
  { weight: 4, arbitrary: fc.record({ write: fc.constantFrom(1, 3000, 100_000) }) },
  { weight: 2, arbitrary: fc.record({ write: fc.nat(2 * RESERVE_BYTES_MAX) }) },
  { weight: 1, arbitrary: fc.record({ moveLog: fc.boolean() }) },
);

test('whatever is written and moved, the log holds what was committed, also after a crash', async () => {
  const steps = fc.array(stepArbitrary, { minLength: 1, maxLength: 14, size: 'max' });
  await fc.assert(
    fc.asyncProperty(steps, async (taken) => {
      await using parts = await openParts();
      const { path, engine, reserve, write } = parts;
      const lengths = [1];
      for (const step of taken) {
        if ('write' in step) {
          write(lengths.length, step.write);
          lengths.push(step.write);
          expect(reserve.tend(engine.logUsedBytes())).toBeUndefined();
        } else {
          engine.checkpoint();
          reserve.logMoved();
          // Under load a change follows, in a pause another look.
          if (step.moveLog) reserve.tend(engine.logUsedBytes());
        }
      }
      // As a crash leaves it: the log is not moved into the file any more.
      const copy = `${path}.copy`;
      for (const suffix of ['', '-wal']) copyFileSync(path + suffix, copy + suffix);
      using resources = new DisposableStack();
      const database = resources.adopt(openDatabase(copy, 'FULL'), (open) => open.close());
      checkStructure(database, copy);
      const found = new SqliteEngine({ path: copy, database, counts: new Map() }, collections);
      const texts = lengths.map((_, index) => found.find('tasks', toKeyText(String(index)))?.text);
      expect(texts.map((text) => (text?.length ?? 0) - 2)).toEqual(lengths);
    }),
    { numRuns: 25 },
  );
});
