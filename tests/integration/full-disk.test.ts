import { statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { isCubeError } from '../../src/errors/cube-error.ts';
import { noopLogger } from '../../src/lib/logger.ts';
import { openSqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { eventually } from '../support/eventually.ts';
import { smallDisk } from '../support/small-disk.ts';
import { openTestStore, readStore, testCollections, writeTask } from '../support/store-files.ts';

const isRoot = process.getuid?.() === 0;

describe.runIf(isRoot)('a full disk', () => {
  test('refuses changes by name, loses nothing, and serves again once there is room', async () => {
    await using disk = await smallDisk(4);
    const path = join(disk.path, 'data', 'cube.db');
    const warnings: string[] = [];
    const logger = {
      ...noopLogger,
      warn: (_fields: object, words: string) => warnings.push(words),
    };
    const options = { path, role: 'manager', collections: testCollections, logger } as const;
    const store = await openSqliteStore(options);
    const kept = new Set<number>();
    let next = 0;
    for (let episode = 0; episode < 5; episode += 1) {
      for (let count = 0; count < 20; count += 1) {
        await writeTask(store, next);
        kept.add(next++);
      }
      disk.fill();
      // The log has some room of its own to write over, so the first changes may still be made.
      let refusal: unknown;
      for (let count = 0; count < 2000 && refusal === undefined; count += 1) {
        const index = next++;
        await writeTask(store, index).then(
          () => kept.add(index),
          (error: unknown) => {
            refusal = error;
          },
        );
      }
      expect(isCubeError(refusal, 'storage-full')).toBe(true);
      expect(refusal).toMatchObject({ message: expect.stringContaining(path) });
      const names = (await readStore(store))['tasks']?.map(({ key }) => Number(key));
      expect(new Set(names)).toEqual(kept);
      expect(await store.count('tasks')).toBe(kept.size);
      disk.clear();
      await writeTask(store, next);
      kept.add(next++);
    }
    // Nor could the log be moved into a data file that has no room to grow.
    expect(new Set(warnings)).toEqual(new Set(['The log of the store could not be moved.']));
    await store.close();
    const reopened = await openTestStore(path);
    expect(await reopened.count('tasks')).toBe(kept.size);
    expect((await readStore(reopened))['events']).toHaveLength(kept.size);
    await reopened.close();
  });

  test('is told of, and the reserve that nobody else can take goes on taking what must be kept', async () => {
    await using disk = await smallDisk(16);
    const path = join(disk.path, 'data', 'cube.db');
    const store = await openTestStore(path);
    let next = 0;
    await writeTask(store, next++);
    const reserveBytes = 2 ** 20;
    const hasReserve = (): boolean => statSync(`${path}-wal`).size > reserveBytes;
    await eventually('the reserve is there', hasReserve);
    disk.fill();
    const shortage = await eventually('it is told of', () => store.shortage);
    expect(shortage).toMatchObject({
      code: 'storage-full',
      message: expect.stringContaining(`${join(disk.path, 'data')} has 0 KiB left`),
      hint: expect.stringContaining('1024 KiB'),
    });
    for (let count = 0; count < 40; count += 1) {
      await writeTask(store, next++);
      // Whoever else writes there takes what is free, at once.
      disk.fill();
    }
    const lasts = async (): Promise<unknown> => {
      for (let count = 0; count < 2000; count += 1) {
        try {
          await writeTask(store, next);
          next += 1;
        } catch (error) {
          return error;
        }
      }
      return undefined;
    };
    // It does not last for ever.
    expect(isCubeError(await lasts(), 'storage-full')).toBe(true);
    disk.clear();
    await eventually('there is room', () => store.shortage === undefined);
    expect(hasReserve()).toBe(true);
    await writeTask(store, next++);
    await store.close();
    const reopened = await openTestStore(path);
    expect(await reopened.count('tasks')).toBe(next);
    await reopened.close();
  });

  test('refuses all that waits with the change that found no room, so that order is kept', async () => {
    await using disk = await smallDisk(4);
    const store = await openTestStore(join(disk.path, 'data', 'cube.db'));
    disk.fill();
    const outcomes: string[] = [];
    for (let round = 0; round < 20; round += 1) {
      const calls = Array.from({ length: 50 }, async (_, index) => {
        const key = round * 1000 + index;
        // The first goes alone, and the others wait for it.
        if (index > 0) await null;
        await writeTask(store, key);
      });
      const settled = await Promise.allSettled(calls);
      outcomes.push(settled.map(({ status }) => (status === 'fulfilled' ? '+' : '-')).join(''));
    }
    for (const outcome of outcomes) expect(outcome).toMatch(/^\+*-*$/);
    expect(outcomes.join('')).toContain('-');
    await store.close();
  });

  test('refuses to make a new store, and leaves nothing that looks like one', async () => {
    await using disk = await smallDisk(1);
    const path = join(disk.path, 'cube.db');
    disk.fill();
    await expect(openTestStore(path)).rejects.toMatchObject({ code: 'storage-full' });
    disk.clear();
    const store = await openTestStore(path);
    await writeTask(store, 1);
    await store.close();
  });
});
