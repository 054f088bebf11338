import { chmod, cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openManagerStore, openWorkerStore } from '../../src/cli/open-store.ts';
import { createCubeClient } from '../../src/client/cube-client.ts';
import type { CubeEvent } from '../../src/event/event.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { noopLogger } from '../../src/lib/logger.ts';
import { managerCollections, workerCollections } from '../../src/store/collections.ts';
import type { Store } from '../../src/store/store.ts';
import { startCliDaemon } from '../support/cli-daemon.ts';
import { untilState } from '../support/cube-up.ts';
import { eventually } from '../support/eventually.ts';
import { serveManager } from '../support/served-manager.ts';
import { fingerprint } from '../support/store-files.ts';
import { type PlacedRecord, readRecords } from '../support/store-records.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../support/temporary-directory.ts';

/** What earlier releases have written, one directory each; make-data-files.ts there made them. */
const fixtures = join(import.meta.dirname, '../fixtures');
const releases = (await readdir(fixtures))
  .filter((name) => name.startsWith('data-'))
  .map((name) => name.slice('data-'.length));

const roles = {
  manager: {
    file: 'manager.db',
    collections: managerCollections,
    open: (directory: string): Promise<Store> =>
      openManagerStore({ kind: 'persistent', directory, logger: noopLogger }),
  },
  worker: {
    file: 'worker-1/worker.db',
    collections: workerCollections,
    open: (directory: string): Promise<Store> =>
      openWorkerStore({
        kind: 'persistent',
        directory: join(directory, 'worker-1'),
        logger: noopLogger,
        clock: systemClock,
      }),
  },
} as const;

type Role = keyof typeof roles;
const roleNames: readonly Role[] = ['manager', 'worker'];

/** A copy of a release's data directory, as it was where it was written. */
async function copyOf(release: string): Promise<TemporaryDirectory> {
  const directory = await temporaryDirectory();
  const source = join(fixtures, `data-${release}`);
  await mkdir(join(directory.path, 'worker-1'));
  for (const name of await readdir(source, { recursive: true, withFileTypes: true })) {
    if (!name.isFile() || name.name === 'records.ndjson') continue;
    const path = join(name.parentPath, name.name);
    const copy = join(directory.path, path.slice(source.length));
    await cp(path, copy);
    await chmod(copy, 0o600);
  }
  return directory;
}

/** What the release said was in its files. */
async function recordsOf(release: string, role: Role): Promise<readonly PlacedRecord[]> {
  const text = await readFile(join(fixtures, `data-${release}`, 'records.ndjson'), 'utf8');
  const lines = text.trimEnd().split('\n');
  const all: readonly ({ readonly role: Role } & PlacedRecord)[] = lines.map((line) =>
    JSON.parse(line),
  );
  return all.filter((one) => one.role === role).map(({ role: _, ...record }) => record);
}

const valuesIn = (records: readonly PlacedRecord[], collection: string): readonly unknown[] =>
  records.filter((one) => one.collection === collection).map(({ value }) => value);

describe.each(releases)('the data of release %s', (release) => {
  test.each(roleNames)('of a %s hold every record as it was', async (role) => {
    await using directory = await copyOf(release);
    const expected = await recordsOf(release, role);
    const store = await roles[role].open(directory.path);
    try {
      expect(await readRecords(store, roles[role].collections)).toEqual(expected);
      expect(expected.length).toBeGreaterThan(4);
    } finally {
      await store.close();
    }
  });

  test('give a manager every task, node and event, and their past', async () => {
    await using directory = await copyOf(release);
    const expected = await recordsOf(release, 'manager');
    const store = await roles.manager.open(directory.path);
    try {
      // The data are as old as the release, so nothing may be pruned for its age.
      const retention = { finishedAgeMs: Infinity, eventAgeMs: Infinity };
      await using served = await serveManager({ store, retention });
      const { manager } = served;
      const events: readonly CubeEvent[] = expected
        .filter(({ collection }) => collection === 'events')
        .map(({ value }) => JSON.parse(JSON.stringify(value)));
      const [newest, oldest] = [events.at(-1)?.revision ?? 0, events[0]?.revision ?? 0];
      const there = { revision: newest };
      const { items } = await manager.history.listTasks(there, { limit: 100 });
      expect(new Set(items.map(({ task }) => task))).toEqual(new Set(valuesIn(expected, 'tasks')));
      const nodes = await manager.history.listNodes(there);
      expect(nodes.items.map(({ node }) => node)).toEqual(valuesIn(expected, 'nodes'));
      const { signal } = new AbortController();
      await expect(manager.events(0, signal)[Symbol.asyncIterator]().next()).rejects.toMatchObject({
        code: 'pruned',
      });
      const read: CubeEvent[] = [];
      for await (const event of manager.events(oldest - 1, signal)) {
        read.push(event);
        if (event.revision === newest) break;
      }
      expect(read).toEqual(events);
      for (let revision = oldest - 1; revision <= newest; revision += 1) {
        expect((await manager.history.listTasks({ revision }, { limit: 100 })).revision).toBe(
          revision,
        );
      }
    } finally {
      await store.close();
    }
  });

  test('are gone on with: what ran runs, what waits waits, what is new is done', async () => {
    await using directory = await copyOf(release);
    const expected = await recordsOf(release, 'manager');
    const flags = ['--data-dir', directory.path, '--port', '0', '--worker-port', '0'];
    await using cube = await startCliDaemon(['up', '--stop-tasks', ...flags], {
      clock: systemClock,
      environment: { DOCKER_HOST: 'unix:///nonexistent/docker.sock' },
    });
    const client = createCubeClient({ url: cube.url });
    const { task } = await client.submit({ name: 'new', runtime: 'process', command: 'true' });
    await untilState(client, task.id, 'completed');
    const find = async (name: string) => {
      const [found] = await Array.fromAsync(client.list({ name }));
      return found;
    };
    const server = await eventually('the server, long gone, runs anew', async () => {
      const found = await find('server');
      return (found?.status.attempt ?? 0) > 2 && found?.status.state === 'running' && found;
    });
    expect(server.spec).toMatchObject({ env: { COLOUR: 'blue' }, labels: { app: 'shop' } });
    expect((await find('waiting'))?.status).toMatchObject({
      state: 'pending',
      reason: { code: 'no-node-fits' },
    });
    const [node] = await client.nodes();
    expect(node).toMatchObject({ name: 'worker-1', labels: { zone: 'north' }, liveness: 'up' });
    const { cluster, epoch } = await client.status();
    const reign = expected.find(({ key }) => key === 'reign')?.value;
    expect({ cluster, epoch: epoch - 1 }).toEqual(reign);
  });

  test.each(roleNames)(
    'of a %s in a format that is newer still are refused, untouched',
    async (role) => {
      await using directory = await copyOf(release);
      const path = join(directory.path, roles[role].file);
      const bytes = await readFile(path);
      // The header keeps the version of the format at this place.
      bytes.writeUInt32BE(bytes.readUInt32BE(60) + 1, 60);
      await writeFile(path, bytes);
      const [before, files] = [fingerprint(path), await readdir(join(path, '..'))];
      await expect(roles[role].open(directory.path)).rejects.toMatchObject({
        code: 'storage-newer',
        hint: expect.stringContaining('a newer one'),
      });
      expect(fingerprint(path)).toBe(before);
      const guards = (name: string): boolean => !name.includes('.guard');
      expect((await readdir(join(path, '..'))).filter(guards)).toEqual(files.filter(guards));
    },
  );
});
