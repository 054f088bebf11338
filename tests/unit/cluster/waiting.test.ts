import { describe, expect, it } from 'vitest';
import { SimulatedCluster } from '../../support/simulated-cluster.ts';

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
});
