import { describe, expect, it } from 'vitest';
import { createScheduler } from '../../src/scheduler/create-scheduler.ts';
import {
  SimulatedCluster,
  type SimulatedClusterOptions,
} from '../../src/simulation/cluster/simulated-cluster.ts';
import type { TaskSpecInput } from '../../src/task/task-spec.ts';
import { GIB } from '../support/cluster.ts';

// The reference forgets whose turn it is, restarts a task where it was whatever has changed, and
// keeps no record of its decisions.

const server = { name: 'server', command: 'serve' };

async function start(names: readonly string[], options: SimulatedClusterOptions = {}) {
  const cluster = new SimulatedCluster(options);
  await cluster.startManager();
  for (const name of names) await addNode(cluster, name);
  return cluster;
}

async function addNode(cluster: SimulatedCluster, name: string): Promise<void> {
  cluster.addMachine(name);
  await cluster.startWorker(name);
  await cluster.clock.advance(1000);
}

/** Submits a task and tells where it runs. */
async function nodeOf(cluster: SimulatedCluster, spec: TaskSpecInput): Promise<string | undefined> {
  const { id } = await cluster.submit(spec);
  await cluster.clock.advance(200);
  const { status } = await cluster.task(id);
  return status.state === 'running' ? status.node : undefined;
}

describe('round robin', () => {
  it('goes on after a restart of the manager, and is not moved by questions', async () => {
    const scheduler = createScheduler('roundrobin');
    await using cluster = await start(['n1', 'n2', 'n3'], { manager: { scheduler } });
    expect(await nodeOf(cluster, server)).toBe('n1');
    const refused = await cluster.submit({ ...server, memory: 64 * GIB });
    await cluster.manager.explain(refused.id);
    expect(await nodeOf(cluster, server)).toBe('n2');
    cluster.killManager();
    await cluster.startManager();
    await cluster.clock.advance(2000);
    expect(await nodeOf(cluster, server)).toBe('n3');
    expect(await nodeOf(cluster, server)).toBe('n1');
  });
});

describe('a restart', () => {
  it('goes where there is room by then, not back to where the task was', async () => {
    await using cluster = await start(['n1']);
    const restart = { policy: 'on-failure', delay: '10s' } as const;
    const moving = await cluster.submit({ ...server, memory: 5 * GIB, restart });
    await cluster.clock.advance(200);
    const worker = cluster.machines.get('n1')?.identity.id ?? '';
    cluster.world.kill({ taskId: moving.id, attempt: 1, worker });
    await cluster.clock.advance(200);
    expect(await nodeOf(cluster, { ...server, memory: 5 * GIB })).toBe('n1');
    await addNode(cluster, 'n2');
    await cluster.clock.advance(15_000);
    expect(await cluster.task(moving.id)).toMatchObject({
      status: { state: 'running', node: 'n2', attempt: 2 },
    });
  });
});

describe('priority', () => {
  it('lets the more urgent task have the room, though it came later', async () => {
    await using cluster = await start([]);
    const patient = await cluster.submit({ ...server, memory: 5 * GIB, priority: 10 });
    const urgent = await cluster.submit({ ...server, memory: 5 * GIB, priority: 90 });
    await addNode(cluster, 'n1');
    await cluster.clock.advance(1000);
    expect(await cluster.task(urgent.id)).toMatchObject({ status: { state: 'running' } });
    expect(await cluster.task(patient.id)).toMatchObject({ status: { state: 'pending' } });
  });
});

describe('a decision', () => {
  it('is there again from the log, with the verdict on every node of that moment', async () => {
    await using cluster = await start(['n1']);
    const filling = await cluster.submit({ ...server, memory: 5 * GIB });
    await cluster.clock.advance(200);
    await addNode(cluster, 'n2');
    const { id } = await cluster.submit({ ...server, memory: 5 * GIB });
    await cluster.clock.advance(200);
    // What has changed since does not change what was decided, nor does another manager.
    await cluster.manager.stopTask(filling.id, { requestId: 'test' });
    await addNode(cluster, 'n3');
    cluster.killManager();
    await cluster.startManager();
    await cluster.clock.advance(1000);
    const { decided, now } = await cluster.manager.explain(id);
    expect(now).toBeUndefined();
    expect(decided?.placement.node).toBe('n2');
    expect(decided?.verdicts).toMatchObject([
      { node: 'n1', rejections: [{ code: 'memory-short' }] },
      { node: 'n2', rejections: [] },
    ]);
    const events = await cluster.manager.taskEvents(id);
    expect(events.map(({ type }) => type)).toEqual([
      'task-submitted',
      'task-scheduled',
      'task-started',
    ]);
  });
});
