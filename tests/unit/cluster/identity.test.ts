import { describe, expect, it } from 'vitest';
import { SimulatedCluster } from '../../../src/simulation/cluster/simulated-cluster.ts';

const server = { name: 'server', command: 'serve' };

async function start(names: readonly string[]) {
  const cluster = new SimulatedCluster();
  await cluster.startManager();
  for (const name of names) {
    cluster.addMachine(name);
    await cluster.startWorker(name);
  }
  await cluster.clock.advance(1000);
  return cluster;
}

describe('a worker that starts under another name', () => {
  it('kills nothing of what runs under its older one, and joins once that has moved', async () => {
    await using cluster = await start(['n1', 'n2']);
    const { id } = await cluster.submit({ ...server, constraints: ['node.name != n2'] });
    await cluster.clock.advance(1000);
    expect(await cluster.task(id)).toMatchObject({ status: { node: 'n1', state: 'running' } });
    cluster.killWorker('n1');
    const machine = cluster.machines.get('n1');
    cluster.addMachine('n3', machine);
    await cluster.startWorker('n3');
    await cluster.clock.advance(10_000);
    expect(cluster.startCounts(id)).toEqual(new Map([[1, 1]]));
    expect(cluster.world.history.filter(({ type }) => type === 'signalled')).toEqual([]);
    expect(cluster.manager.listNodes().map(({ node }) => node.name)).toEqual(['n1', 'n2']);
    await cluster.clock.advance(30_000);
    expect(await cluster.task(id)).toMatchObject({ status: { node: 'n3', state: 'running' } });
    expect(cluster.running()).toHaveLength(1);
  });
});

describe('a worker whose data directory was lost', () => {
  it('takes over its name from the list of the manager once the older one is down', async () => {
    await using cluster = new SimulatedCluster({
      manager: { workerAddresses: ['http://n1:5556'] },
    });
    await cluster.startManager();
    cluster.addMachine('n1', { isAnnounced: false });
    await cluster.startWorker('n1');
    await cluster.clock.advance(5000);
    cluster.killWorker('n1');
    const before = cluster.machines.get('n1')?.identity.id;
    cluster.addMachine('n1', { isAnnounced: false });
    await cluster.startWorker('n1');
    await cluster.clock.advance(5000);
    expect(cluster.manager.listNodes()).toMatchObject([{ node: { id: before } }]);
    await cluster.clock.advance(20_000);
    expect(cluster.manager.listNodes()).toMatchObject([{ node: { liveness: 'up' } }]);
    expect(cluster.manager.listNodes()[0]?.node.id).not.toBe(before);
  });

  it('does not take over tasks that are to run at most once', async () => {
    await using cluster = await start(['n1']);
    const { id } = await cluster.submit({ ...server, onNodeLost: 'wait' });
    await cluster.clock.advance(1000);
    // The machine is out of sight, and another one is set up under its name.
    cluster.killWorker('n1');
    cluster.addMachine('n1');
    await cluster.startWorker('n1');
    await cluster.clock.advance(60_000);
    expect(cluster.startCounts(id)).toEqual(new Map([[1, 1]]));
    await cluster.manager.stopTask(id, { requestId: 'test' });
    await cluster.clock.advance(30_000);
    expect(cluster.manager.listNodes()).toMatchObject([{ node: { liveness: 'up' } }]);
  });
});
