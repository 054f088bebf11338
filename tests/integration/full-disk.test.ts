import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { isCubeError } from '../../src/errors/cube-error.ts';
import { noopLogger } from '../../src/lib/logger.ts';
import { openSqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { openTestStore, readStore, testCollections, writeTask } from '../support/store-files.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

/** A disk of a few megabytes, which needs the right to mount one. */
async function smallDisk(megabytes: number): Promise<AsyncDisposable & { readonly path: string }> {
  const directory = await temporaryDirectory();
  const path = join(directory.path, 'disk');
  mkdirSync(path);
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', path]);
  expect(mounted.status, String(mounted.stderr)).toBe(0);
  return {
    path,
    async [Symbol.asyncDispose]() {
      // Lazily, since a test that failed may have left its store open.
      expect(spawnSync('umount', ['-l', path]).status).toBe(0);
      await directory[Symbol.asyncDispose]();
    },
  };
}

/** Takes all the room that a disk has left. */
function fill(path: string): void {
  const descriptor = openSync(path, 'w');
  try {
    for (;;) writeSync(descriptor, Buffer.alloc(4096));
  } catch (error) {
    expect(error).toMatchObject({ code: 'ENOSPC' });
  } finally {
    closeSync(descriptor);
  }
}

const isRoot = process.getuid?.() === 0;

describe.runIf(isRoot)('a full disk', () => {
  test('refuses changes by name, loses nothing, and serves again once there is room', async () => {
    await using disk = await smallDisk(4);
    const path = join(disk.path, 'data', 'cube.db');
    const ballast = join(disk.path, 'ballast');
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
      fill(ballast);
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
      rmSync(ballast);
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

  test('refuses all that waits with the change that found no room, so that order is kept', async () => {
    await using disk = await smallDisk(4);
    const store = await openTestStore(join(disk.path, 'data', 'cube.db'));
    fill(join(disk.path, 'ballast'));
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
    const ballast = join(disk.path, 'ballast');
    const path = join(disk.path, 'cube.db');
    fill(ballast);
    await expect(openTestStore(path)).rejects.toMatchObject({ code: 'storage-full' });
    rmSync(ballast);
    const store = await openTestStore(path);
    await writeTask(store, 1);
    await store.close();
  });
});
