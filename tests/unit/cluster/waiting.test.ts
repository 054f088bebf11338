import { describe, expect, it } from 'vitest';
import { SimulatedCluster } from '../../../src/simulation/cluster/simulated-cluster.ts';

describe('a node whose worker is gone when the manager starts', () => {
  it('is said to be not reached yet, not to have been silent since', async () => {
    await using cluster = new SimulatedCluster();
    await cluster.startManager();
    cluster.addMachine('n1');
    await cluster.startWorker('n1');
    await cluster.clock.advance(1000);
    cluster.killManager();
    cluster.killWorker('n1');
    await cluster.startManager();
    await cluster.clock.advance(100);
    expect(cluster.manager.listNodes().map(({ node }) => node)).toMatchObject([
      { liveness: 'unreachable', livenessReason: 'its worker has not been reached yet' },
    ]);
  });
});

describe('tasks that wait for room', () => {
  it('have no news when nodes or the manager come and go', async () => {
    await using cluster = new SimulatedCluster();
    await cluster.startManager();
    for (const name of ['n1', 'n2']) {
      cluster.addMachine(name);
      await cluster.startWorker(name);
    }
    await cluster.clock.advance(1000);
    for (let count = 0; count < 20; count += 1) {
      await cluster.submit({ name: 'big', command: 'serve', cpu: 64 });
    }
    await cluster.clock.advance(1000);
    cluster.killManager();
    await cluster.startManager();
    await cluster.clock.advance(5000);
    cluster.cutOff('n1');
    await cluster.clock.advance(60_000);
    cluster.reconnect('n1');
    await cluster.clock.advance(10_000);
    const waiting = (await cluster.events()).filter(({ type }) => type === 'task-waiting');
    expect(waiting).toHaveLength(20);
  });

  it('say what was in the way when it was last looked for a node, as nodes come and change', async () => {
    await using cluster = new SimulatedCluster();
    await cluster.startManager();
    const { id } = await cluster.submit({ name: 'big', command: 'serve', cpu: 64 });
    const said: unknown[] = [];
    const look = async (): Promise<void> => {
      await cluster.clock.advance(1000);
      const { task } = await cluster.manager.getTask(id);
      said.push([task.status.reason?.code, task.status.reason?.message]);
    };
    await look();
    cluster.addMachine('n1');
    await cluster.startWorker('n1');
    await look();
    await cluster.manager.drainNode('n1', { requestId: 'test' });
    await look();
    const needs = 'needs 64 cores, 4 of 4 are free.';
    expect(said).toEqual([
      ['no-nodes', 'No node has joined the cluster yet.'],
      ['no-node-fits', `The only node, n1, cannot take it: ${needs}`],
      [
        'no-node-fits',
        `The only node, n1, cannot take it: is draining and takes no new tasks; ${needs}`,
      ],
    ]);
  });

  it('have no output, before and after they are stopped, and it is said why', async () => {
    await using cluster = new SimulatedCluster();
    await cluster.startManager();
    const { id } = await cluster.submit({ name: 'big', command: 'serve', cpu: 64 });
    const logs = (): Promise<unknown> =>
      Array.fromAsync(cluster.manager.logs(id, { follow: false }, new AbortController().signal));
    await expect(logs()).rejects.toThrow('has not run yet');
    await cluster.manager.stopTask(id, { requestId: 'test' });
    await expect(logs()).rejects.toThrow('has ended without ever running');
  });
});
