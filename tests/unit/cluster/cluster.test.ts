import { describe, expect, it } from 'vitest';
import {
  SimulatedCluster,
  type SimulatedClusterOptions,
} from '../../../src/simulation/cluster/simulated-cluster.ts';
import { GIB } from '../../support/cluster.ts';

// The real manager and workers together, on virtual time.

async function start(names: readonly string[], options: SimulatedClusterOptions = {}) {
  const cluster = new SimulatedCluster(options);
  await cluster.startManager();
  for (const name of names) {
    cluster.addMachine(name);
    await cluster.startWorker(name);
  }
  await cluster.clock.advance(1000);
  return cluster;
}

const server = { name: 'server', command: 'serve' };

describe('a cluster', () => {
  it('runs a task and completes a job', async () => {
    await using cluster = await start(['n1']);
    const { id } = await cluster.submit(server);
    const job = await cluster.submit({ name: 'job', command: 'sleep', args: ['5'] });
    await cluster.clock.advance(100);
    expect(await cluster.task(id)).toMatchObject({
      status: { state: 'running', node: 'n1', attempt: 1 },
    });
    await cluster.clock.advance(6000);
    expect(await cluster.task(job.id)).toMatchObject({
      status: { state: 'completed', exitCode: 0, attempt: 1, restartCount: 0 },
    });
    expect(cluster.startCounts(job.id)).toEqual(new Map([[1, 1]]));
  });

  it('keeps a task waiting, says why, and places it the moment a node joins', async () => {
    await using cluster = await start([]);
    const { id } = await cluster.submit(server);
    await cluster.clock.advance(100);
    expect(await cluster.task(id)).toMatchObject({
      status: { state: 'pending', reason: { code: 'no-nodes' } },
    });
    cluster.addMachine('n1');
    await cluster.startWorker('n1');
    await cluster.clock.advance(1000);
    expect(await cluster.task(id)).toMatchObject({ status: { state: 'running', node: 'n1' } });
  });

  it('keeps a task waiting that fits nowhere until there is room', async () => {
    await using cluster = await start(['n1']);
    const big = await cluster.submit({ ...server, memory: 6 * GIB });
    await cluster.clock.advance(100);
    const next = await cluster.submit({ ...server, memory: 6 * GIB });
    await cluster.clock.advance(60_000);
    const waiting = await cluster.task(next.id);
    expect(waiting.status).toMatchObject({ state: 'pending', reason: { code: 'no-node-fits' } });
    expect(waiting.status.reason?.message).toContain('memory');
    await cluster.manager.stopTask(big.id, { requestId: 'test' });
    await cluster.clock.advance(200);
    expect(await cluster.task(next.id)).toMatchObject({ status: { state: 'running' } });
    const events = await cluster.events();
    const said = events.filter(({ type, taskId }) => type === 'task-waiting' && taskId === next.id);
    expect(said).toHaveLength(1);
  });

  it('stops tasks before, while and after they run, any number of times', async () => {
    await using cluster = await start(['n1']);
    const running = await cluster.submit(server);
    await cluster.clock.advance(100);
    const pending = await cluster.submit({ ...server, constraints: ['zone == eu'] });
    for (const { id } of [running, pending, running, pending]) {
      await cluster.manager.stopTask(id, { requestId: 'test' });
    }
    await cluster.clock.advance(1000);
    for (const { id } of [running, pending]) {
      expect(await cluster.task(id)).toMatchObject({ status: { state: 'completed' } });
      const { task } = await cluster.manager.stopTask(id, { requestId: 'test' });
      expect(task.status.state).toBe('completed');
    }
    expect(cluster.running()).toEqual([]);
  });

  it('restarts a failing task with growing delays, as new attempts', async () => {
    await using cluster = await start(['n1']);
    const { id } = await cluster.submit({ name: 'bad', command: 'false' });
    await cluster.clock.advance(600_000);
    const counts = cluster.startCounts(id);
    expect([...counts.values()].every((count) => count === 1)).toBe(true);
    expect(counts.size).toBeGreaterThan(5);
    expect(counts.size).toBeLessThanOrEqual(12);
    const { status } = await cluster.task(id);
    expect(status).toMatchObject({ exitCode: 1, restartCount: counts.size - 1 });
  });

  it('gives up a task after its allowed restarts', async () => {
    await using cluster = await start(['n1']);
    const restart = { policy: 'on-failure', attempts: 2 } as const;
    const { id } = await cluster.submit({ name: 'bad', command: 'false', restart });
    await cluster.clock.advance(60_000);
    expect(await cluster.task(id)).toMatchObject({
      status: { state: 'failed', attempt: 3, reason: { code: 'restarts-exhausted' } },
    });
  });

  it('takes the same id with the same spec as the same task, and with another as a conflict', async () => {
    await using cluster = await start(['n1']);
    const id = cluster.random.uuid();
    const first = await cluster.submit(server, id);
    const [again, other] = await Promise.allSettled([
      cluster.submit(server, id),
      cluster.submit({ ...server, cpu: 1 }, id),
    ]);
    expect(again).toMatchObject({ status: 'fulfilled', value: { id: first.id } });
    expect(other).toMatchObject({ status: 'rejected', reason: { code: 'conflict' } });
    expect(String((other as PromiseRejectedResult).reason)).toContain('"cpu"');
  });

  it('notices a task that was killed or removed behind its back', async () => {
    await using cluster = await start(['n1']);
    const killed = await cluster.submit({ ...server, restart: 'never' });
    const removed = await cluster.submit({ ...server, restart: 'never' });
    await cluster.clock.advance(100);
    const worker = cluster.machines.get('n1')?.identity.id ?? '';
    cluster.world.kill({ taskId: killed.id, attempt: 1, worker });
    cluster.world.removeBehindBack({ taskId: removed.id, attempt: 1, worker });
    await cluster.clock.advance(100);
    expect(await cluster.task(killed.id)).toMatchObject({
      status: { state: 'failed', exitCode: 137 },
    });
    expect(await cluster.task(removed.id)).toMatchObject({
      status: { state: 'failed', exitCode: 'unknown', reason: { code: 'removed-externally' } },
    });
  });
});

describe('a killed manager', () => {
  it('leaves everything running, and the next one knows it all', async () => {
    await using cluster = await start(['n1', 'n2']);
    const ids = await Promise.all(
      Array.from({ length: 20 }, async () => (await cluster.submit(server)).id),
    );
    await cluster.clock.advance(200);
    const before = cluster.running();
    expect(before).toHaveLength(20);
    cluster.killManager();
    await cluster.clock.advance(60_000);
    await cluster.startManager();
    await cluster.clock.advance(30_000);
    expect(cluster.running()).toEqual(before);
    for (const id of ids) {
      expect(await cluster.task(id)).toMatchObject({ status: { state: 'running', attempt: 1 } });
      expect(cluster.startCounts(id)).toEqual(new Map([[1, 1]]));
    }
    const [id = ''] = ids;
    await cluster.manager.stopTask(id, { requestId: 'test' });
    await cluster.clock.advance(200);
    expect(cluster.running()).toHaveLength(19);
  });

  it('declares no node down before a full time-out has passed since it came back', async () => {
    await using cluster = await start(['n1']);
    await cluster.submit(server);
    await cluster.clock.advance(100);
    cluster.cutOff('n1');
    cluster.killManager();
    await cluster.clock.advance(60_000);
    await cluster.startManager();
    await cluster.clock.advance(14_000);
    expect(cluster.manager.listNodes()[0]?.node.liveness).not.toBe('down');
    await cluster.clock.advance(3000);
    expect(cluster.manager.listNodes()[0]?.node.liveness).toBe('down');
  });

  it('has lost nothing that was acknowledged, placed or not', async () => {
    await using cluster = await start(['n1']);
    const submitted = Array.from({ length: 10 }, () => cluster.submit(server));
    const { id } = await (submitted[0] ?? Promise.reject());
    cluster.killManager();
    await cluster.startManager();
    await cluster.clock.advance(2000);
    expect(await cluster.task(id)).toMatchObject({ status: { state: 'running' } });
  });

  it('continues revisions without a gap, in a new epoch', async () => {
    await using cluster = await start(['n1']);
    await cluster.submit(server);
    await cluster.clock.advance(200);
    cluster.killManager();
    await cluster.startManager();
    await cluster.clock.advance(2000);
    const events = await cluster.events();
    expect(events.map(({ revision }) => revision)).toEqual(events.map((_, index) => index + 1));
    const epochs = events.flatMap(({ epoch }) => epoch ?? []);
    expect(epochs).toEqual([1, 2]);
  });
});

describe('a killed worker', () => {
  it('finds its tasks again, with the exit codes of those that ended meanwhile', async () => {
    await using cluster = await start(['n1']);
    const staying = await cluster.submit(server);
    const ending = await cluster.submit({ name: 'job', command: 'sleep', args: ['5'] });
    await cluster.clock.advance(200);
    const before = (await cluster.task(staying.id)).status.runtimeId;
    cluster.killWorker('n1');
    await cluster.clock.advance(8000);
    await cluster.startWorker('n1');
    await cluster.clock.advance(5000);
    expect(await cluster.task(staying.id)).toMatchObject({
      status: { state: 'running', attempt: 1, runtimeId: before },
    });
    expect(await cluster.task(ending.id)).toMatchObject({
      status: { state: 'completed', exitCode: 0 },
    });
    expect(cluster.startCounts(staying.id)).toEqual(new Map([[1, 1]]));
  });

  it('with an empty store still adopts what runs under its label', async () => {
    await using cluster = await start(['n1']);
    const { id } = await cluster.submit(server);
    await cluster.clock.advance(200);
    cluster.killWorker('n1');
    const machine = cluster.machines.get('n1');
    for (const { key } of (await machine?.store.list('attempts')) ?? []) {
      await machine?.store.transact({ remove: [{ collection: 'attempts', key }] });
    }
    await cluster.startWorker('n1');
    await cluster.clock.advance(5000);
    expect(await cluster.task(id)).toMatchObject({ status: { state: 'running', attempt: 1 } });
    expect(cluster.startCounts(id)).toEqual(new Map([[1, 1]]));
  });
});

describe('a node that is cut off', () => {
  it('is unreachable, then down; its tasks run elsewhere; on its return the older attempts stop', async () => {
    await using cluster = await start(['n1', 'n2']);
    const { id } = await cluster.submit({ ...server, constraints: ['node.name != n9'] });
    await cluster.clock.advance(200);
    const { node: first = '' } = (await cluster.task(id)).status;
    cluster.cutOff(first);
    await cluster.clock.advance(8000);
    const view = await cluster.manager.getTask(id);
    expect(view.observedAt).toBeDefined();
    expect(view.task.status.state).toBe('running');
    await cluster.clock.advance(10_000);
    const moved = await cluster.task(id);
    expect(moved.status).toMatchObject({ state: 'running', attempt: 2, restartCount: 1 });
    expect(moved.status.node).not.toBe(first);
    expect(cluster.running()).toHaveLength(2);
    cluster.reconnect(first);
    await cluster.clock.advance(5000);
    expect(cluster.running()).toEqual([`${id}/2@${moved.status.node}`]);
    expect(await cluster.task(id)).toMatchObject({ status: { attempt: 2, state: 'running' } });
  });

  it('is waited for where the task says so, and never has a second copy', async () => {
    await using cluster = await start(['n1', 'n2']);
    const { id } = await cluster.submit({ ...server, onNodeLost: 'wait' });
    await cluster.clock.advance(200);
    const { node = '' } = (await cluster.task(id)).status;
    cluster.cutOff(node);
    await cluster.clock.advance(120_000);
    expect(cluster.startCounts(id)).toEqual(new Map([[1, 1]]));
    cluster.reconnect(node);
    await cluster.clock.advance(5000);
    expect(await cluster.task(id)).toMatchObject({
      status: { state: 'running', attempt: 1, node },
    });
    expect(cluster.startCounts(id)).toEqual(new Map([[1, 1]]));
  });
});

describe('a manager that slept', () => {
  it('does not take its own absence for the silence of its nodes', async () => {
    await using cluster = await start(['n1']);
    const { id } = await cluster.submit(server);
    await cluster.clock.advance(200);
    // All timers of the sleeping manager ring late, as after SIGSTOP and SIGCONT.
    cluster.clock.jump(120_000);
    await cluster.clock.advance(10_000);
    expect(await cluster.task(id)).toMatchObject({ status: { state: 'running', attempt: 1 } });
    const events = await cluster.events();
    expect(events.map(({ type }) => type)).not.toContain('node-went-down');
  });
});
