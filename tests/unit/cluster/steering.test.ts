import { describe, expect, it } from 'vitest';
import { SimulatedCluster } from '../../../src/simulation/cluster/simulated-cluster.ts';
import type { TaskSpecInput } from '../../../src/task/task-spec.ts';

const REQUEST = { requestId: 'test' };
const SERVER = { name: 'server', command: 'serve', cpu: 1 } as const;

async function startCluster(nodes: readonly string[]): Promise<SimulatedCluster> {
  const cluster = new SimulatedCluster();
  await cluster.startManager();
  for (const name of nodes) {
    cluster.addMachine(name);
    await cluster.startWorker(name);
  }
  await cluster.clock.advance(2000);
  return cluster;
}

async function submitAll(cluster: SimulatedCluster, specs: readonly TaskSpecInput[]) {
  const ids: string[] = [];
  for (const spec of specs) ids.push((await cluster.submit(spec)).id);
  await cluster.clock.advance(3000);
  return ids;
}

/** A job of 20 seconds that a drain has move from n1 to n2, of which n1 cannot hear. */
async function drainOutOfReach(cluster: SimulatedCluster): Promise<string> {
  const [id = ''] = await submitAll(cluster, [{ name: 'job', command: 'sleep', args: ['20'] }]);
  cluster.addMachine('n2');
  await cluster.startWorker('n2');
  await cluster.clock.advance(2000);
  cluster.cutOff('n1');
  await cluster.manager.drainNode('n1', REQUEST);
  await cluster.clock.advance(500);
  return id;
}

async function typesOf(cluster: SimulatedCluster, id: string): Promise<readonly string[]> {
  return (await cluster.manager.taskEvents(id)).map(({ type }) => type);
}

describe('a restart that a user asks for', () => {
  it('ends what runs, and starts the next attempt at once, never both at a time', async () => {
    await using cluster = await startCluster(['n1']);
    const [id = ''] = await submitAll(cluster, [SERVER]);
    const asked = await cluster.manager.restartTask(id, REQUEST);
    expect(asked.task.status).toMatchObject({ state: 'running', replacing: { attempt: 1 } });
    await cluster.clock.advance(3000);
    const { status } = await cluster.task(id);
    expect(status).toMatchObject({ state: 'running', attempt: 2, restartCount: 1 });
    expect(status.replacing).toBeUndefined();
    expect(await typesOf(cluster, id)).toEqual([
      'task-submitted',
      'task-scheduled',
      'task-started',
      'task-restart-requested',
      'task-displaced',
      'task-scheduled',
      'task-started',
    ]);
  });

  it('is one restart, however often it is repeated while it is under way', async () => {
    await using cluster = await startCluster(['n1']);
    const [id = ''] = await submitAll(cluster, [SERVER]);
    for (let time = 0; time < 3; time += 1) await cluster.manager.restartTask(id, REQUEST);
    await cluster.clock.advance(5000);
    expect((await cluster.task(id)).status).toMatchObject({ state: 'running', attempt: 2 });
  });

  it('cuts a back-off short, and tries again what had failed for good', async () => {
    await using cluster = await startCluster(['n1']);
    const failing = { command: 'false', cpu: 0.1 };
    const [waiting = '', final = ''] = await submitAll(cluster, [
      { name: 'waiting', ...failing, restart: { policy: 'on-failure', delay: '5m' } },
      { name: 'final', ...failing, restart: { policy: 'never' } },
    ]);
    for (const id of [waiting, final]) {
      expect((await cluster.task(id)).status).toMatchObject({ state: 'failed', attempt: 1 });
      await cluster.manager.restartTask(id, REQUEST);
    }
    await cluster.clock.advance(3000);
    for (const id of [waiting, final]) expect((await cluster.task(id)).status.attempt).toBe(2);
  });

  it('is refused for what was stopped or has completed, which never runs again', async () => {
    await using cluster = await startCluster(['n1']);
    const [stopped = '', done = ''] = await submitAll(cluster, [
      SERVER,
      { name: 'job', command: 'sleep', args: ['1'] },
    ]);
    await cluster.manager.stopTask(stopped, REQUEST);
    for (const id of [stopped, done]) {
      await expect(cluster.manager.restartTask(id, REQUEST)).rejects.toMatchObject({
        code: 'conflict',
      });
    }
  });

  it('gives way to a stop that comes while it is under way', async () => {
    await using cluster = await startCluster(['n1']);
    const [id = ''] = await submitAll(cluster, [SERVER]);
    await cluster.manager.restartTask(id, REQUEST);
    await cluster.manager.stopTask(id, REQUEST);
    await cluster.clock.advance(5000);
    expect((await cluster.task(id)).status).toMatchObject({ state: 'completed', attempt: 1 });
  });

  it('is carried out by the next manager, and after the node was away', async () => {
    await using cluster = await startCluster(['n1']);
    const [id = ''] = await submitAll(cluster, [{ ...SERVER, onNodeLost: 'wait' }]);
    cluster.cutOff('n1');
    await cluster.manager.restartTask(id, REQUEST);
    await cluster.clock.advance(60_000);
    cluster.killManager();
    await cluster.startManager();
    cluster.reconnect('n1');
    await cluster.clock.advance(60_000);
    expect((await cluster.task(id)).status).toMatchObject({ state: 'running', attempt: 2 });
  });
});

describe('a node that is drained', () => {
  it('is left by its tasks one by one, each once the one before runs elsewhere', async () => {
    await using cluster = await startCluster(['n1', 'n2']);
    await cluster.manager.drainNode('n2', REQUEST);
    const ids = await submitAll(
      cluster,
      [1, 2, 3].map((number) => ({ ...SERVER, name: `s${number}`, cpu: 0.5 })),
    );
    await cluster.manager.resumeNode('n2', REQUEST);
    await cluster.manager.drainNode('n1', REQUEST);
    await cluster.clock.advance(30_000);
    for (const id of ids) {
      expect((await cluster.task(id)).status).toMatchObject({ state: 'running', node: 'n2' });
    }
    const moves = (await cluster.events())
      .filter(({ attempt, type }) => type === 'task-restart-requested' || attempt === 2)
      .map(({ type, taskId = '' }) => `${ids.indexOf(taskId)} ${type}`);
    expect(moves).toEqual(
      [0, 1, 2].flatMap((index) => [
        `${index} task-restart-requested`,
        `${index} task-scheduled`,
        `${index} task-started`,
      ]),
    );
    expect(cluster.manager.listNodes()[0]).toMatchObject({
      node: { draining: true },
      taskCount: 0,
    });
  });

  it('keeps a task that fits nowhere else until it does', async () => {
    await using cluster = await startCluster(['n1']);
    const [id = ''] = await submitAll(cluster, [SERVER]);
    await cluster.manager.drainNode('n1', REQUEST);
    await cluster.clock.advance(60_000);
    expect((await cluster.task(id)).status).toMatchObject({ state: 'running', attempt: 1 });
    const stuck = await cluster.manager.explain(id);
    expect(stuck.now?.placement).toMatchObject({ feasibleCount: 0, nodeCount: 1 });
    expect(stuck.advice.join(' ')).toContain('end its draining to use it, or add a node');
    cluster.addMachine('n2');
    await cluster.startWorker('n2');
    await cluster.clock.advance(10_000);
    expect(Object.keys(await cluster.manager.explain(id))).not.toContain('now');
    expect((await cluster.task(id)).status).toMatchObject({ state: 'running', node: 'n2' });
  });

  it('takes no new task until it is resumed, and may be asked for twice', async () => {
    await using cluster = await startCluster(['n1']);
    await cluster.manager.drainNode('n1', REQUEST);
    await cluster.manager.drainNode('n1', REQUEST);
    const [id = ''] = await submitAll(cluster, [SERVER]);
    expect((await cluster.task(id)).status).toMatchObject({ state: 'pending' });
    await cluster.manager.resumeNode('n1', REQUEST);
    await cluster.clock.advance(3000);
    expect((await cluster.task(id)).status).toMatchObject({ state: 'running' });
    const types = (await cluster.events()).map(({ type }) => type);
    expect(types.filter((type) => type.startsWith('node-drain'))).toEqual([
      'node-drain-requested',
      'node-drain-ended',
    ]);
  });

  it('does not start again what ended of its own accord as it was asked to move', async () => {
    await using cluster = await startCluster(['n1']);
    const id = await drainOutOfReach(cluster);
    expect((await cluster.task(id)).status.replacing).toMatchObject({ attempt: 1 });
    await cluster.clock.advance(10_000);
    cluster.reconnect('n1');
    await cluster.clock.advance(30_000);
    expect((await cluster.task(id)).status.state).toBe('completed');
  });

  it('starts again what ended of its own accord when a user wanted that as well', async () => {
    await using cluster = await startCluster(['n1']);
    const id = await drainOutOfReach(cluster);
    await cluster.manager.restartTask(id, REQUEST);
    const again = await cluster.manager.restartTask(id, REQUEST);
    // It is a move all the same: the next one leaves the node when this one runs elsewhere.
    expect(again.task.status.replacing).toMatchObject({
      attempt: 1,
      reason: { code: 'node-drained' },
      asked: true,
    });
    await cluster.clock.advance(10_000);
    cluster.reconnect('n1');
    await cluster.clock.advance(30_000);
    expect((await cluster.task(id)).status).toMatchObject({ attempt: 2, node: 'n2' });
    const requests = (await typesOf(cluster, id)).filter((type) => /restart-requested/.test(type));
    expect(requests).toHaveLength(2);
  });

  it('is not there: said by its name', async () => {
    await using cluster = await startCluster([]);
    await expect(cluster.manager.drainNode('nobody', REQUEST)).rejects.toMatchObject({
      code: 'not-found',
      message: expect.stringContaining('nobody'),
    });
  });
});

describe('labels that a user gives a node', () => {
  it('count for constraints at once, and outlive what its worker announces', async () => {
    await using cluster = await startCluster(['n1']);
    const [id = ''] = await submitAll(cluster, [{ ...SERVER, constraints: ['disk==ssd'] }]);
    expect((await cluster.task(id)).status.state).toBe('pending');
    await cluster.manager.labelNode('n1', { disk: 'ssd' }, REQUEST);
    await cluster.clock.advance(3000);
    expect((await cluster.task(id)).status.state).toBe('running');
    cluster.killManager();
    await cluster.startManager();
    await cluster.clock.advance(10_000);
    expect(cluster.manager.listNodes()[0]?.node.labels).toMatchObject({ disk: 'ssd' });
    await cluster.manager.labelNode('n1', { disk: null }, REQUEST);
    expect(cluster.manager.listNodes()[0]?.node.labels).not.toHaveProperty('disk');
  });

  it('are as many as a node may have, and not one more', async () => {
    await using cluster = await startCluster(['n1']);
    const many = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`l${i}`, 'x']));
    await cluster.manager.labelNode('n1', many, REQUEST);
    await expect(cluster.manager.labelNode('n1', { more: 'x' }, REQUEST)).rejects.toMatchObject({
      code: 'invalid-input',
    });
  });
});
