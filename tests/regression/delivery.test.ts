import { describe, expect, it } from 'vitest';
import type { Manager } from '../../src/manager/manager.ts';
import { SimulatedCluster } from '../../src/simulation/cluster/simulated-cluster.ts';
import { calm } from '../../src/simulation/network/simulated-network.ts';

// The reference forgets an order or a stop that could not be handed over, and lets one worker that
// hangs hold up all the others.

const server = { name: 'server', command: 'serve' };
/** By then a stream that stalled without a word has been given up, and another is open. */
const OUTAGE_NOTICED_MS = 10_000;
const origin = { requestId: 'test' };

async function start(...names: readonly string[]): Promise<SimulatedCluster> {
  const cluster = new SimulatedCluster();
  await cluster.startManager();
  for (const name of names) {
    cluster.addMachine(name);
    await cluster.startWorker(name);
  }
  await cluster.clock.advance(1000);
  return cluster;
}

function livenessOf(manager: Manager, name: string): string | undefined {
  return manager.listNodes().find(({ node }) => node.name === name)?.node.liveness;
}

describe('orders', () => {
  it('that a worker cannot take are given again until it can, and cost no restart', async () => {
    await using cluster = await start('n1');
    const disk = cluster.machines.get('n1')?.disk;
    if (disk === undefined) throw new Error('The machine is there.');
    disk.isFull = true;
    const { id } = await cluster.submit(server);
    await cluster.clock.advance(30_000);
    expect(await cluster.task(id)).toMatchObject({ status: { state: 'scheduled', node: 'n1' } });
    disk.isFull = false;
    await cluster.clock.advance(10_000);
    expect(await cluster.task(id)).toMatchObject({
      status: { state: 'running', attempt: 1, restartCount: 0 },
    });
    expect(cluster.startCounts(id)).toEqual(new Map([[1, 1]]));
  });

  it('that are lost on the way are given again, and the task runs once', async () => {
    await using cluster = await start('n1');
    cluster.network.cut('manager', 'n1');
    const { id } = await cluster.submit(server);
    await cluster.clock.advance(2000);
    expect(await cluster.task(id)).toMatchObject({ status: { state: 'scheduled', node: 'n1' } });
    cluster.network.mend('manager', 'n1');
    await cluster.clock.advance(OUTAGE_NOTICED_MS);
    expect(await cluster.task(id)).toMatchObject({ status: { state: 'running', attempt: 1 } });
    expect(cluster.startCounts(id)).toEqual(new Map([[1, 1]]));
  });

  it('whose confirmation is lost are given again, and the task runs once', async () => {
    await using cluster = await start('n1');
    cluster.network.cut('n1', 'manager');
    const { id } = await cluster.submit(server);
    await cluster.clock.advance(2000);
    expect(cluster.running()).toEqual([`${id}/1@n1`]);
    cluster.network.mend('n1', 'manager');
    await cluster.clock.advance(OUTAGE_NOTICED_MS);
    expect(await cluster.task(id)).toMatchObject({ status: { state: 'running', attempt: 1 } });
    expect(cluster.startCounts(id)).toEqual(new Map([[1, 1]]));
  });
});

describe('a stop', () => {
  it('asked for while the node is away is carried out on its return, by the next manager too', async () => {
    await using cluster = await start('n1');
    const { id } = await cluster.submit({ ...server, onNodeLost: 'wait' });
    await cluster.clock.advance(200);
    cluster.cutOff('n1');
    const { task } = await cluster.manager.stopTask(id, origin);
    expect(task.status).toMatchObject({ desired: 'stopped', state: 'running' });
    await cluster.clock.advance(2000);
    cluster.killManager();
    await cluster.startManager();
    await cluster.clock.advance(2000);
    expect(cluster.running()).toEqual([`${id}/1@n1`]);
    cluster.reconnect('n1');
    await cluster.clock.advance(OUTAGE_NOTICED_MS);
    expect(cluster.running()).toEqual([]);
    expect(await cluster.task(id)).toMatchObject({ status: { state: 'completed' } });
  });
});

describe('a worker that hangs', () => {
  it('holds up neither the orders nor the reports of the others', async () => {
    await using cluster = await start('n1', 'n2');
    const constraints = ['node.name == n2'];
    const { id } = await cluster.submit({ ...server, constraints, restart: 'never' });
    await cluster.clock.advance(200);
    // Nothing that goes to or comes from n1 ends, not even with an error.
    cluster.network.weather = { ...calm, timeoutMs: 3_600_000 };
    cluster.cutOff('n1');
    const held = await cluster.submit({ ...server, constraints: ['node.name == n1'] });
    const next = await cluster.submit({ ...server, constraints });
    const worker = cluster.machines.get('n2')?.identity.id ?? '';
    cluster.world.kill({ taskId: id, attempt: 1, worker });
    await cluster.clock.advance(200);
    expect(livenessOf(cluster.manager, 'n1')).toBe('up');
    expect(await cluster.task(held.id)).toMatchObject({ status: { state: 'scheduled' } });
    expect(await cluster.task(id)).toMatchObject({ status: { state: 'failed', exitCode: 137 } });
    expect(await cluster.task(next.id)).toMatchObject({ status: { state: 'running' } });
  });
});
