import { describe, expect, it } from 'vitest';
import type { WorkerLink } from '../../../src/manager/worker-link.ts';
import {
  SimulatedCluster,
  type SimulatedClusterOptions,
} from '../../../src/simulation/cluster/simulated-cluster.ts';
import { calm } from '../../../src/simulation/network/simulated-network.ts';

const server = { name: 'server', command: 'serve' };

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

describe('an order that is lost on its way', () => {
  it('is given again as soon as the worker is heard again, not after the time-out', async () => {
    await using cluster = await start(['n1']);
    cluster.network.weather = { ...calm, timeoutMs: 60_000 };
    cluster.cutOff('n1');
    const { id } = await cluster.submit(server);
    await cluster.clock.advance(9000);
    expect(await cluster.task(id)).toMatchObject({ status: { state: 'scheduled', node: 'n1' } });
    cluster.reconnect('n1');
    await cluster.clock.advance(8000);
    expect(await cluster.task(id)).toMatchObject({ status: { state: 'running', attempt: 1 } });
  });
});

describe('an order that was for an earlier life of its worker', () => {
  it('has the list of the worker read again, and is then given anew', async () => {
    let listCount = 0;
    let isRefused = false;
    const link = (real: WorkerLink): WorkerLink => ({
      ...real,
      list: (...args) => {
        listCount += 1;
        return real.list(...args);
      },
      assign: (address, assignments, signal) => {
        if (isRefused || assignments.run.length === 0) {
          return real.assign(address, assignments, signal);
        }
        isRefused = true;
        return real.assign(address, { ...assignments, incarnation: 'an earlier one' }, signal);
      },
    });
    await using cluster = await start(['n1'], { patches: { link } });
    const before = listCount;
    const { id } = await cluster.submit(server);
    await cluster.clock.advance(1000);
    expect(listCount).toBeGreaterThan(before);
    expect(await cluster.task(id)).toMatchObject({ status: { state: 'running', attempt: 1 } });
  });
});

describe('a worker that never presents itself', () => {
  it('is heard as often as its manager wants', async () => {
    const manager = { nodeTimeoutMs: 2000, workerAddresses: ['http://n1:5556'] };
    await using cluster = await start([], { manager });
    cluster.addMachine('n1', { isAnnounced: false });
    await cluster.startWorker('n1');
    await cluster.clock.advance(5000);
    expect(cluster.manager.listNodes()).toMatchObject([{ node: { name: 'n1', liveness: 'up' } }]);
    const before = (await cluster.events()).length;
    await cluster.clock.advance(60_000);
    const types = (await cluster.events()).slice(before).map(({ type }) => type);
    expect(types).toEqual([]);
  });
});

describe('a task that waits for its node', () => {
  it('is over at once when it is stopped while the node is down, and stays so', async () => {
    await using cluster = await start(['n1', 'n2']);
    const { id } = await cluster.submit({ ...server, onNodeLost: 'wait' });
    await cluster.clock.advance(1000);
    const { node = '' } = (await cluster.task(id)).status;
    cluster.cutOff(node);
    await cluster.clock.advance(20_000);
    await cluster.manager.stopTask(id, { requestId: 'test' });
    await cluster.clock.advance(5000);
    expect(await cluster.task(id)).toMatchObject({
      status: { state: 'completed', exitCode: 'unknown', reason: { code: 'node-lost' } },
    });
    cluster.reconnect(node);
    await cluster.clock.advance(10_000);
    expect(cluster.running()).toEqual([]);
    expect(cluster.startCounts(id)).toEqual(new Map([[1, 1]]));
  });
});
