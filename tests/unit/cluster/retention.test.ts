import { describe, expect, it } from 'vitest';
import { SimulatedCluster } from '../../../src/simulation/cluster/simulated-cluster.ts';
import { taskId } from '../../support/cluster.ts';

const job = { name: 'job', command: 'true' };

/** A manager that keeps one finished task and few events, with one worker. */
async function startForgetful() {
  const retention = { finishedCountMax: 1, eventCountMax: 10 };
  const cluster = new SimulatedCluster({ manager: { retention } });
  await cluster.startManager();
  cluster.addMachine('n1');
  await cluster.startWorker('n1');
  await cluster.clock.advance(1000);
  return cluster;
}

describe('a pruned task', () => {
  it('does not run again when its submission is repeated late, even by the next manager', async () => {
    await using cluster = await startForgetful();
    const id = taskId(1);
    await cluster.submit(job, id);
    await cluster.clock.advance(1000);
    for (let number = 2; number < 10; number += 1) {
      await cluster.submit(job, taskId(number));
      await cluster.clock.advance(120_000);
    }
    expect(cluster.manager.status().floor).toBeGreaterThan(10);
    await expect(cluster.submit(job, id)).rejects.toMatchObject({ code: 'pruned' });
    await expect(cluster.task(id)).rejects.toMatchObject({ code: 'pruned' });
    cluster.killManager();
    await cluster.startManager();
    await expect(cluster.submit(job, id)).rejects.toMatchObject({ code: 'pruned' });
    await cluster.clock.advance(60_000);
    expect(cluster.startCounts(id)).toEqual(new Map([[1, 1]]));
  });
});

describe('an attempt whose task has moved to another node', () => {
  it('leaves nothing behind on the node where it ended', async () => {
    await using cluster = await startForgetful();
    cluster.addMachine('n2');
    await cluster.startWorker('n2');
    const restart = { policy: 'on-failure', delay: '5s' } as const;
    const { id } = await cluster.submit({ name: 'server', command: 'serve', cpu: 3, restart });
    await cluster.clock.advance(1000);
    const { node: first = '' } = (await cluster.task(id)).status;
    const worker = cluster.machines.get(first)?.identity.id ?? '';
    cluster.world.kill({ taskId: id, attempt: 1, worker });
    await cluster.clock.advance(100);
    // Now there is no room any more where it was.
    await cluster.submit({
      name: 'filler',
      command: 'serve',
      cpu: 3,
      constraints: [`node.name == ${first}`],
    });
    await cluster.clock.advance(10_000);
    const { status } = await cluster.task(id);
    expect(status).toMatchObject({ state: 'running', attempt: 2 });
    expect(status.node).not.toBe(first);
    const left = [...cluster.world.scope(worker, 'process').instances.values()];
    expect(left.filter(({ key }) => key.taskId === id)).toEqual([]);
  });
});
