import { describe, expect, it } from 'vitest';
import { SimulatedCluster } from '../../src/simulation/cluster/simulated-cluster.ts';

// The reference keeps every task and every request for ever, and silently drops whoever uses an id
// a second time.

const DAY_MS = 86_400_000;

describe('what has ended', () => {
  it('is kept within limits on the disk, and a late repeat of it is refused by name', async () => {
    const retention = {
      finishedAgeMs: DAY_MS,
      finishedCountMax: 10,
      eventAgeMs: DAY_MS,
      eventCountMax: 100,
    };
    await using cluster = new SimulatedCluster({ manager: { retention } });
    await cluster.startManager();
    cluster.addMachine('n1');
    await cluster.startWorker('n1');
    await cluster.clock.advance(1000);
    const staying = await cluster.submit({ name: 'server', command: 'serve' });
    const first = await cluster.submit({ name: 'job', command: 'true' });
    for (let number = 0; number < 200; number += 1) {
      await cluster.submit({ name: 'job', command: 'true' });
    }
    await cluster.clock.advance(300_000);
    const { managerStore, machines } = cluster;
    expect(await managerStore.count('tasks')).toBeLessThanOrEqual(11);
    expect(await managerStore.count('events')).toBeLessThanOrEqual(110);
    expect(await cluster.task(staying.id)).toMatchObject({ status: { state: 'running' } });
    const again = cluster.submit({ name: 'job', command: 'true' }, first.id);
    await expect(again).rejects.toMatchObject({ code: 'pruned' });
    // The worker has forgotten with the manager; what is left of the others is only that they must
    // not start again.
    const known = machines.get('n1')?.worker?.list().observations;
    expect(known?.length).toBeLessThanOrEqual(11);
  });
});
