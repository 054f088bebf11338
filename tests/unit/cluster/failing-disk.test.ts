import { describe, expect, it } from 'vitest';
import { SimulatedCluster } from '../../support/simulated-cluster.ts';

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
