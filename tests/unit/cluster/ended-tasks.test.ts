import { describe, expect, it } from 'vitest';
import { SimulatedCluster } from '../../../src/simulation/cluster/simulated-cluster.ts';
import { isLong } from '../../support/long-run.ts';

const MINUTE_MS = 60_000;

async function start(
  options: ConstructorParameters<typeof SimulatedCluster>[0] = {},
): Promise<SimulatedCluster> {
  const cluster = new SimulatedCluster(options);
  await cluster.startManager();
  cluster.addMachine('n1');
  await cluster.startWorker('n1');
  await cluster.clock.advance(1000);
  return cluster;
}

describe('a task that always fails at once', () => {
  it('is started at most twelve times in ten minutes, and leaves one attempt on its node', async () => {
    await using cluster = await start();
    const { id } = await cluster.submit({ name: 'job', command: 'false', restart: 'always' });
    await cluster.clock.advance(10 * MINUTE_MS);
    const starts = [...cluster.startCounts(id).values()].reduce((sum, count) => sum + count, 0);
    expect(starts).toBeGreaterThan(5);
    expect(starts).toBeLessThanOrEqual(12);
    expect((await cluster.task(id)).status.restartCount).toBe(starts - 1);
    const known = cluster.machines.get('n1')?.worker?.list().observations ?? [];
    expect(known.length).toBeLessThanOrEqual(2);
  });
});

const endedCount = isLong ? 1000 : 150;

describe(`${endedCount} tasks that have ended`, () => {
  it('take no room from others, and go by the policy, on the node too', async () => {
    const retention = { finishedCountMax: 20 };
    await using cluster = await start({ manager: { retention } });
    // Each needs the whole node, so that it runs only where those before it are no hindrance.
    const ids: string[] = [];
    for (let count = 0; count < endedCount; count += 1) {
      ids.push((await cluster.submit({ name: 'job', command: 'true', cpu: 4 })).id);
    }
    await cluster.clock.advance(10 * MINUTE_MS);
    for (const id of ids) expect(cluster.startCounts(id)).toEqual(new Map([[1, 1]]));
    const { id } = await cluster.submit({ name: 'server', command: 'serve', cpu: 4 });
    await cluster.clock.advance(1000);
    expect((await cluster.task(id)).status.state).toBe('running');
    expect(await cluster.managerStore.count('tasks')).toBeLessThanOrEqual(21);
    const known = cluster.machines.get('n1')?.worker?.list().observations ?? [];
    expect(known.length).toBeLessThanOrEqual(21);
    const worker = cluster.machines.get('n1')?.identity.id ?? '';
    const { instances } = cluster.world.scope(worker, 'process');
    expect([...instances.keys()].length).toBeLessThanOrEqual(21);
  }, 120_000);
});
