import { describe, expect, it } from 'vitest';
import { SimulatedCluster } from '../../../src/simulation/cluster/simulated-cluster.ts';
import { MANAGER } from '../../../src/simulation/network/simulated-network.ts';

const server = { name: 'server', command: 'serve' };

describe('a manager whose reign is over', () => {
  it('writes nothing any more, and commands nobody', async () => {
    const fatal: string[] = [];
    await using cluster = new SimulatedCluster({
      // It lives on, as in a program that embeds it.
      manager: { onFatal: ({ code }) => fatal.push(code) },
    });
    await cluster.startManager();
    cluster.addMachine('n1');
    await cluster.startWorker('n1');
    const { id } = await cluster.submit(server);
    await cluster.clock.advance(1000);
    const older = cluster.manager;
    const requests: string[] = [];
    await cluster.startManager();
    await cluster.manager.stopTask(id, { requestId: 'test' });
    await expect(older.stopTask(id, { requestId: 'test' })).rejects.toMatchObject({
      code: 'storage-conflict',
    });
    expect(fatal).toEqual(['storage-conflict']);
    expect(older.status()).toMatchObject({ healthy: false, epoch: 1 });
    await cluster.clock.advance(5000);
    cluster.killManager();
    cluster.network.onRequest = ({ from, to }) => void (from === MANAGER && requests.push(to));
    await cluster.clock.advance(60_000);
    expect(requests).toEqual([]);
    expect(cluster.running()).toEqual([]);
  });

  it('is refused by every worker as soon as the next one is on the line', async () => {
    await using cluster = new SimulatedCluster();
    await cluster.startManager();
    cluster.addMachine('n1');
    await cluster.startWorker('n1');
    await cluster.clock.advance(1000);
    await cluster.startManager();
    await cluster.clock.advance(1000);
    const worker = cluster.machines.get('n1')?.worker;
    const { cluster: name } = cluster.manager.status();
    const orders = { protocol: 1, cluster: name, run: [], stop: [], forget: [], acknowledged: 0 };
    await expect(worker?.assign({ ...orders, epoch: 1 })).rejects.toMatchObject({
      code: 'stale-epoch',
    });
  });
});
