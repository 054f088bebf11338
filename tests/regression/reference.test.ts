import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createWorkerClient } from '../../src/client/worker-client.ts';
import { Manager } from '../../src/manager/manager.ts';
import { SimulatedCluster } from '../../src/simulation/cluster/simulated-cluster.ts';
import { drain } from '../../src/simulation/virtual-clock.ts';
import { managerCollections } from '../../src/store/collections.ts';
import { MemoryStore } from '../../src/store/memory/memory-store.ts';
import { openSqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { taskSpecSchema } from '../../src/task/task-spec.ts';
import { GIB } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { sendJson, startHttpStub } from '../support/http-stub.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

// What the reference gets wrong, one test for each of its failures that needs no container. Those
// that do are in tests/docker/reference.test.ts.

const server = { name: 'server', command: 'serve' };
const origin = { requestId: 'test' };

async function start(count: number): Promise<SimulatedCluster> {
  const cluster = new SimulatedCluster();
  await cluster.startManager();
  for (let number = 1; number <= count; number += 1) {
    cluster.addMachine(`n${number}`);
    await cluster.startWorker(`n${number}`);
  }
  await cluster.clock.advance(1000);
  return cluster;
}

describe('unlike the reference', () => {
  it('places a new task elsewhere while one worker is dead, and the manager lives', async () => {
    await using cluster = await start(2);
    cluster.killWorker('n1');
    await cluster.clock.advance(20_000);
    const tasks = await Promise.all([1, 2, 3].map(() => cluster.submit(server)));
    await cluster.clock.advance(500);
    for (const { id } of tasks) {
      expect(await cluster.task(id)).toMatchObject({ status: { state: 'running', node: 'n2' } });
    }
  });

  it('still has a task when the manager is killed between accepting and dispatching it', async () => {
    await using cluster = await start(0);
    const { id } = await cluster.submit(server);
    cluster.killManager();
    await cluster.startManager();
    expect(await cluster.task(id)).toMatchObject({ status: { state: 'pending' } });
    cluster.addMachine('n1');
    await cluster.startWorker('n1');
    await cluster.clock.advance(2000);
    expect(await cluster.task(id)).toMatchObject({ status: { state: 'running' } });
  });

  it('restarts nothing when the manager is restarted, and can still stop what runs', async () => {
    await using cluster = await start(1);
    const { id } = await cluster.submit(server);
    await cluster.clock.advance(500);
    cluster.killManager();
    await cluster.startManager();
    await cluster.clock.advance(120_000);
    expect(cluster.startCounts(id)).toEqual(new Map([[1, 1]]));
    await cluster.manager.stopTask(id, origin);
    await cluster.clock.advance(500);
    expect(cluster.running()).toEqual([]);
    expect(await cluster.task(id)).toMatchObject({ status: { state: 'completed' } });
  });

  it('has the same tasks without duplicates after a worker is restarted', async () => {
    await using cluster = await start(1);
    const tasks = await Promise.all([1, 2, 3].map(() => cluster.submit(server)));
    await cluster.clock.advance(500);
    const before = cluster.running();
    cluster.killWorker('n1');
    await cluster.startWorker('n1');
    await cluster.clock.advance(20_000);
    expect(cluster.running()).toEqual(before);
    for (const { id } of tasks) expect(cluster.startCounts(id)).toEqual(new Map([[1, 1]]));
  });

  it('keeps a stored task as it was when a worker answers garbage', async () => {
    await using stub = await startHttpStub(({ url }, response) => {
      if (url.pathname === '/assignments') sendJson(response, { ID: '', State: 17, Task: null });
      else response.end('<html>not a worker</html>');
    });
    const manager = new Manager({
      store: new MemoryStore(),
      link: createWorkerClient(),
      nodeTimeoutMs: 60_000,
    });
    await manager.start();
    await manager.join({
      protocol: 1,
      facts: {
        id: '00000000-0000-4000-8000-000000000001',
        name: 'n1',
        address: stub.url,
        capacity: { cpu: 4, memory: 8 * GIB, disk: 8 * GIB },
        labels: {},
        runtimes: [{ name: 'process', available: true }],
        bindRoots: [],
        version: 'test',
      },
    });
    const spec = taskSpecSchema.parse(server);
    const { task } = await manager.submit({ spec }, origin);
    await eventually('the worker was asked', () => stub.requests.length > 1);
    const view = await manager.getTask(task.id);
    expect(view.task.spec).toEqual(spec);
    expect(view.task.status.state).toBe('pending');
    expect(manager.listNodes()).toMatchObject([{ node: { liveness: 'unreachable' } }]);
    await manager.stop();
  });

  it('never touches a task that has no health check', async () => {
    await using cluster = await start(1);
    const { id } = await cluster.submit(server);
    await cluster.clock.advance(3_600_000);
    expect(await cluster.task(id)).toMatchObject({
      status: { state: 'running', attempt: 1, restartCount: 0 },
    });
    expect((await cluster.task(id)).status.health).toBeUndefined();
  });

  it('completes a job that exits with 0, once', async () => {
    await using cluster = await start(1);
    const { id } = await cluster.submit({ name: 'job', command: 'true' });
    await cluster.clock.advance(600_000);
    expect(await cluster.task(id)).toMatchObject({ status: { state: 'completed', exitCode: 0 } });
    expect(cluster.startCounts(id)).toEqual(new Map([[1, 1]]));
  });

  it('keeps a task that fits nowhere, with reasons, and places it when a node joins', async () => {
    await using cluster = await start(1);
    const { id } = await cluster.submit({ ...server, memory: 64 * GIB });
    await cluster.clock.advance(1000);
    expect(await cluster.task(id)).toMatchObject({
      status: { state: 'pending', reason: { code: 'no-node-fits' } },
    });
    const { now, advice } = await cluster.manager.explain(id);
    expect(now?.verdicts[0]?.rejections[0]).toMatchObject({ code: 'memory-short' });
    expect(advice.length).toBeGreaterThan(0);
    cluster.addMachine('big', { capacity: { cpu: 4, memory: 128 * GIB, disk: GIB } });
    await cluster.startWorker('big');
    await cluster.clock.advance(1000);
    expect(await cluster.task(id)).toMatchObject({ status: { state: 'running', node: 'big' } });
  });

  it('places 500 tasks on 100 nodes within seconds of virtual time', async () => {
    await using cluster = await start(100);
    const ids = await Promise.all(
      Array.from({ length: 500 }, async () => (await cluster.submit(server)).id),
    );
    await cluster.clock.advance(3000);
    const states = await Promise.all(ids.map(async (id) => (await cluster.task(id)).status.state));
    expect(new Set(states)).toEqual(new Set(['running']));
  });

  it('refuses a second manager on the same data', async () => {
    await using directory = await temporaryDirectory();
    const options = {
      path: join(directory.path, 'manager.db'),
      role: 'manager',
      collections: managerCollections,
    } as const;
    const store = await openSqliteStore(options);
    await expect(openSqliteStore(options)).rejects.toMatchObject({ code: 'storage-locked' });
    await store.close();
  });

  it('fences the older of two managers that share a store all the same', async () => {
    const store = new MemoryStore();
    const link = createWorkerClient();
    const fatal: string[] = [];
    const older = new Manager({ store, link, onFatal: ({ code }) => fatal.push(code) });
    await older.start();
    const newer = new Manager({ store, link });
    await newer.start();
    const spec = taskSpecSchema.parse(server);
    await expect(older.submit({ spec }, origin)).rejects.toMatchObject({
      code: 'storage-conflict',
    });
    expect(fatal).toEqual(['storage-conflict']);
    await expect(newer.submit({ spec }, origin)).resolves.toMatchObject({ created: true });
    await older.stop();
    await newer.stop();
  });

  it('takes a submission that a client repeats as one task', async () => {
    await using cluster = await start(1);
    const id = cluster.random.uuid();
    const both = await Promise.all([cluster.submit(server, id), cluster.submit(server, id)]);
    await cluster.clock.advance(1000);
    await cluster.submit(server, id);
    await drain();
    expect(both.map((task) => task.id)).toEqual([id, id]);
    expect(cluster.startCounts(id)).toEqual(new Map([[1, 1]]));
    const { items } = await cluster.manager.listTasks({ limit: 10 });
    expect(items).toHaveLength(1);
  });
});
