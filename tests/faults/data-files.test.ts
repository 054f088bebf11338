import {
  copyFileSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, test } from 'vitest';
import { SeededRandom } from '../../src/simulation/seeded-random.ts';
import { CubeProcess, clientOf, freePorts, isAlive } from '../support/cube-process.ts';
import { FaultCluster } from '../support/fault-cluster.ts';
import { isLong, tell } from '../support/long-run.ts';
import { copyStore, fingerprint } from '../support/store-files.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

/** Data files of a whole Cube that stopped, or was killed, and whose files were then damaged. */

const noDocker = { DOCKER_HOST: 'unix:///nonexistent/docker.sock', CUBE_LOG_LEVEL: 'warn' };

/** Starts a manager on a data directory that it must refuse; gives the exit code and its words. */
async function refusalOf(directory: string): Promise<{ code: number | string; words: string }> {
  const [port = 0] = await freePorts(1);
  await using manager = new CubeProcess(
    ['manager', '--data-dir', directory, '--port', `${port}`],
    noDocker,
  );
  manager.start();
  return { code: await manager.untilEnd(), words: manager.output };
}

/** What becomes of the manager's file at a path; the word is one that the refusal must have. */
const damages: readonly (readonly [string, (path: string) => void, RegExp])[] = [
  ['empty', (path) => truncateSync(path, 0), /empty/],
  ['cut at 100 bytes', (path) => truncateSync(path, 100), /damaged/],
  ['cut within a page', (path) => truncateSync(path, 4096 * 2 - 1), /damaged/],
  ['cut in half', (path) => truncateSync(path, 4096 * 5), /damaged/],
  ['of text', (path) => writeFileSync(path, '{"tasks": []}'), /damaged/],
  ['of another program', makeForeign, /sign of Cube/],
  ['of a newer Cube', makeNewer, /newer/],
  ['a worker’s', (path) => copyFileSync(join(path, '../../n1/worker.db'), path), /worker/],
  // Only the note beside it is left, which tells that there was a file.
  ['gone', (path) => unlinkSync(path), /gone/],
];

function makeForeign(path: string): void {
  truncateSync(path, 0);
  const database = new DatabaseSync(path);
  database.exec('CREATE TABLE songs (title TEXT)');
  database.close();
}

function makeNewer(path: string): void {
  const database = new DatabaseSync(path);
  const { user_version: version } = database.prepare('PRAGMA user_version').get() ?? {};
  database.exec(`PRAGMA user_version = ${Number(version) + 1}`);
  database.close();
}

/** A cluster that has run tasks, with the files that it left when it was stopped. */
async function openStopped(): Promise<FaultCluster> {
  const cluster = await FaultCluster.start();
  for (let count = 0; count < 5; count += 1) await cluster.submitRunning();
  const { client } = cluster;
  for (const { id } of cluster.acknowledged) await client.stop(id);
  for (const { id } of cluster.acknowledged) {
    await cluster.untilTask(id, ({ status }) => status.state === 'completed');
  }
  await cluster.manager.end('SIGTERM');
  await cluster.worker(1).end('SIGTERM');
  return cluster;
}

describe('the file of a manager', () => {
  test('that is damaged or another’s is refused by its name, with what to do, and left as it is', async () => {
    await using cluster = await openStopped();
    const home = cluster.dataOf('manager');
    await using copies = await temporaryDirectory();
    for (const [index, [name, damage, word]] of damages.entries()) {
      const directory = join(copies.path, `${index}`, 'manager');
      mkdirSync(join(copies.path, `${index}`, 'n1'), { recursive: true });
      mkdirSync(directory, { mode: 0o700 });
      copyFileSync(
        join(cluster.dataOf('n1'), 'worker.db'),
        join(copies.path, `${index}`, 'n1', 'worker.db'),
      );
      const path = join(directory, 'manager.db');
      copyStore(join(home, 'manager.db'), path);
      damage(path);
      const before = fingerprint(path);
      const { code, words } = await refusalOf(directory);
      expect(code, name).toBe(74);
      expect(words, name).toContain(path);
      expect(words, name).toMatch(word);
      expect(fingerprint(path), name).toBe(before);
    }
    tell({ 'damaged files': damages.length });
  });

  test('with a flipped bit is refused by its name, or serves all that it ever acknowledged', async () => {
    await using cluster = await openStopped();
    await using copies = await temporaryDirectory();
    const original = join(cluster.dataOf('manager'), 'manager.db');
    const random = new SeededRandom(isLong ? Date.now() : 20);
    const counts = { refused: 0, served: 0 };
    for (let flip = 0; flip < (isLong ? 200 : 5); flip += 1) {
      const directory = join(copies.path, `${flip}`);
      mkdirSync(directory, { mode: 0o700 });
      const path = join(directory, 'manager.db');
      copyStore(original, path);
      const bytes = readFileSync(path);
      const at = Math.floor(random.next() * bytes.length);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << Math.floor(random.next() * 8));
      writeFileSync(path, bytes);
      const [port = 0] = await freePorts(1);
      await using manager = new CubeProcess(
        ['manager', '--data-dir', directory, '--port', `${port}`],
        noDocker,
      );
      manager.start();
      const served = clientOf(port);
      // Lost where the manager ends instead.
      served.catch(() => undefined);
      const outcome = await Promise.race([served, manager.untilEnd()]);
      if (typeof outcome === 'object') {
        counts.served += 1;
        const tasks = await Array.fromAsync(outcome.list());
        const ids = tasks.map(({ id }) => id).sort();
        expect(ids, `byte ${at}`).toEqual(cluster.acknowledged.map(({ id }) => id).sort());
        expect(tasks.every(({ status }) => status.state === 'completed')).toBe(true);
      } else {
        counts.refused += 1;
        expect(outcome, `byte ${at}: ${manager.output}`).toBe(74);
        expect(manager.output, `byte ${at}`).toContain(path);
      }
    }
    tell({ 'flipped bits': counts.refused + counts.served, 'of them refused': counts.refused });
  }, 900_000);

  test('found through a symbolic link is the file itself', async () => {
    await using cluster = await openStopped();
    await using other = await temporaryDirectory();
    const link = join(other.path, 'data');
    symlinkSync(cluster.dataOf('manager'), link);
    const [port = 0] = await freePorts(1);
    await using manager = new CubeProcess(
      ['manager', '--data-dir', link, '--port', `${port}`],
      noDocker,
    );
    manager.start();
    const client = await clientOf(port);
    const tasks = await Array.fromAsync(client.list());
    expect(tasks).toHaveLength(cluster.acknowledged.length);
  });
});

describe('the file of a worker', () => {
  test.each<[string, (path: string) => void]>([
    ['cut', (path) => truncateSync(path, 5000)],
    ['emptied', (path) => truncateSync(path, 0)],
    [
      'written over',
      (path) =>
        writeFileSync(
          path,
          Buffer.concat([readFileSync(path).subarray(0, 4096), Buffer.alloc(40_000, 'x')]),
        ),
    ],
  ])('that was %s is set aside, and what runs is found again as it was', async (_, damage) => {
    await using cluster = await FaultCluster.start();
    const tasks = [await cluster.submitRunning(), await cluster.submitRunning()];
    const worker = cluster.worker(1);
    // Ended in order, all is in the file itself; after a kill the log beside it may hold newer
    // copies of the very pages that are damaged, and then nothing is lost.
    await worker.end('SIGTERM');
    damage(join(cluster.dataOf('n1'), 'worker.db'));
    worker.start();
    await cluster.untilNode('n1', 'up');
    for (const { id, status } of tasks) {
      await cluster.untilTask(id, (task) => task.status.state === 'running');
      expect((await cluster.client.get(id)).status).toMatchObject({
        attempt: 1,
        runtimeId: status.runtimeId,
      });
    }
    expect(worker.output).toMatch(/set aside/);
    const files = await readdir(cluster.dataOf('n1'));
    expect(files.some((name) => /^damaged-.*-worker\.db$/.test(name))).toBe(true);
    // It still governs what it found: a stop reaches it.
    for (const { id, status } of tasks) {
      await cluster.client.stop(id);
      await cluster.untilTask(id, (task) => task.status.state === 'completed');
      expect(await isAlive(Number(status.runtimeId))).toBe(false);
    }
    expect(await cluster.judge()).toEqual([]);
  });
});
