import { describe, expect, it } from 'vitest';
import type { SimulatedRecord } from '../../../src/runtime/simulated/simulated-world.ts';
import { SimulatedCluster } from '../../../src/simulation/cluster/simulated-cluster.ts';
import { isLong } from '../../support/long-run.ts';

const server = { name: 'server', command: 'serve' };

async function start(
  nodeCount: number,
  options: ConstructorParameters<typeof SimulatedCluster>[0] = {},
): Promise<SimulatedCluster> {
  const cluster = new SimulatedCluster(options);
  await cluster.startManager();
  for (let number = 1; number <= nodeCount; number += 1) {
    cluster.addMachine(`n${number}`);
    await cluster.startWorker(`n${number}`);
  }
  await cluster.clock.advance(1000);
  return cluster;
}

function countOf(cluster: SimulatedCluster, liveness: string): number {
  return cluster.manager.listNodes().filter(({ node }) => node.liveness === liveness).length;
}

// Virtual time is as long for each of them, so that the full thousand is for the long run.
const workerCount = isLong ? 1000 : 60;
const taskCount = isLong ? 1000 : 200;

describe(`${workerCount} workers`, () => {
  it('are all back within ten seconds of a restart of their manager, and none was taken for lost', async () => {
    await using cluster = await start(workerCount);
    expect(countOf(cluster, 'up')).toBe(workerCount);
    await Promise.all(Array.from({ length: workerCount }, () => cluster.submit(server)));
    await cluster.clock.advance(1000);
    const before = cluster.running();
    expect(before).toHaveLength(workerCount);
    cluster.killManager();
    await cluster.clock.advance(30_000);
    await cluster.startManager();
    await cluster.clock.advance(10_000);
    expect(countOf(cluster, 'up')).toBe(workerCount);
    const types = (await cluster.events()).map(({ type }) => type);
    expect(types).not.toContain('node-went-down');
    expect(cluster.running()).toEqual(before);
  }, 600_000);
});

describe(`${taskCount} tasks that fail in one moment`, () => {
  it('run again soon, each after its delay, and no node starts more at once than it may', async () => {
    const nodeCount = 5;
    const history: SimulatedRecord[] = [];
    await using cluster = await start(nodeCount, {
      policy: () => ({ startMs: 100 }),
      observe: (record) => history.push(record),
    });
    const restart = { policy: 'always', delay: '1s' } as const;
    for (let count = 0; count < taskCount; count += 1) {
      await cluster.submit({ ...server, cpu: 0.01, restart });
    }
    const isStarted = ({ type }: SimulatedRecord): boolean => type === 'started';
    await cluster.clock.advance(taskCount * 20);
    expect(history.filter(isStarted)).toHaveLength(taskCount);
    const diedAt = cluster.clock.monotonic();
    for (const { taskId, attempt, worker, type } of [...history]) {
      if (type === 'started') cluster.world.kill({ taskId, attempt, worker });
    }
    await cluster.clock.advance(taskCount * 20 + 2000);
    const again = history.filter(({ atMs, attempt }) => atMs >= diedAt && attempt === 2);
    expect(again.filter(isStarted)).toHaveLength(taskCount);
    // One that is made counts until it has started.
    const underWay = new Map<string, number>();
    let mostAtOnce = 0;
    for (const { atMs, type, worker } of again) {
      expect(atMs).toBeGreaterThanOrEqual(diedAt + 1000);
      const step = type === 'created' ? 1 : type === 'started' ? -1 : 0;
      underWay.set(worker, (underWay.get(worker) ?? 0) + step);
      mostAtOnce = Math.max(mostAtOnce, underWay.get(worker) ?? 0);
    }
    expect(mostAtOnce).toBeGreaterThan(1);
    // As many as there are cores, four times over.
    expect(mostAtOnce).toBeLessThanOrEqual(16);
  }, 600_000);
});

describe('half of the nodes, gone in one moment', () => {
  it('leave what room there is to the most urgent of their tasks', async () => {
    await using cluster = await start(6);
    const ids = new Map<string, number>();
    for (let count = 0; count < 18; count += 1) {
      const priority = count % 6;
      ids.set((await cluster.submit({ ...server, cpu: 1, priority })).id, priority);
    }
    await cluster.clock.advance(1000);
    const lost = new Set(['n1', 'n2', 'n3']);
    const moving: string[] = [];
    for (const id of ids.keys()) {
      const { node = '' } = (await cluster.task(id)).status;
      if (lost.has(node)) moving.push(id);
    }
    for (const name of lost) cluster.cutOff(name);
    await cluster.clock.advance(20_000);
    const placed: number[] = [];
    const waiting: number[] = [];
    for (const id of moving) {
      const { state, attempt } = (await cluster.task(id)).status;
      const isPlaced = state === 'running' && attempt === 2;
      (isPlaced ? placed : waiting).push(ids.get(id) ?? 0);
    }
    expect(placed).toHaveLength(3 * 4 - (18 - moving.length));
    expect(waiting.length).toBeGreaterThan(0);
    expect(Math.min(...placed)).toBeGreaterThanOrEqual(Math.max(...waiting));
  });
});
