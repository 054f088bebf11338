import { describe, expect, it } from 'vitest';
import { SimulatedCluster } from '../../../src/simulation/cluster/simulated-cluster.ts';

const server = { name: 'server', command: 'serve' };

describe('a manager whose disk is full for a while', () => {
  it.each([46_500, 56_000, 65_500])(
    'takes no node for down that spoke to it all the time (%i ms)',
    async (fullMs) => {
      await using cluster = new SimulatedCluster();
      await cluster.startManager();
      cluster.addMachine('n1');
      await cluster.startWorker('n1');
      const { id } = await cluster.submit(server);
      const job = await cluster.submit({ name: 'job', command: 'sleep', args: ['5'] });
      await cluster.clock.advance(1000);
      cluster.managerDisk.isFull = true;
      // The end of the job cannot be recorded, so it is asked for again and again.
      await cluster.clock.advance(fullMs);
      await expect(cluster.submit(server)).rejects.toMatchObject({ code: 'storage-full' });
      cluster.managerDisk.isFull = false;
      await cluster.clock.advance(15_000);
      expect((await cluster.events()).map(({ type }) => type)).not.toContain('node-went-down');
      expect(await cluster.task(id)).toMatchObject({ status: { state: 'running', attempt: 1 } });
      expect(await cluster.task(job.id)).toMatchObject({
        status: { state: 'completed', exitCode: 0 },
      });
    },
  );
});

describe('a worker that has lost its store', () => {
  it('is not taken to have lost what it cannot see while its runtime is away', async () => {
    await using cluster = new SimulatedCluster();
    await cluster.startManager();
    for (const name of ['n1', 'n2']) {
      cluster.addMachine(name);
      await cluster.startWorker(name);
    }
    await cluster.clock.advance(1000);
    const { id } = await cluster.submit({ ...server, onNodeLost: 'wait' });
    await cluster.clock.advance(1000);
    const { node = '' } = (await cluster.task(id)).status;
    const machine = cluster.machines.get(node);
    if (machine === undefined) throw new Error('The task is on a machine.');
    cluster.killWorker(node);
    for (const collection of ['attempts', 'meta']) {
      const records = await machine.store.list(collection);
      await machine.store.transact({ remove: records.map(({ key }) => ({ collection, key })) });
    }
    cluster.world.setOutage(machine.identity.id, 'It is away.');
    const started = cluster.startWorker(node);
    await cluster.clock.advance(30_000);
    await started;
    expect(cluster.startCounts(id)).toEqual(new Map([[1, 1]]));
    cluster.world.setOutage(machine.identity.id);
    await cluster.clock.advance(15_000);
    expect(await cluster.task(id)).toMatchObject({
      status: { state: 'running', attempt: 1, node },
    });
    expect(machine.worker?.list().observations).toMatchObject([{ taskId: id, phase: 'running' }]);
    expect(cluster.startCounts(id)).toEqual(new Map([[1, 1]]));
  });
});
