import { describe, expect, it } from 'vitest';
import { SimulatedCluster } from '../../../src/simulation/cluster/simulated-cluster.ts';

describe('an explanation of a decision', () => {
  it('shows what was seen then, and not what was on its way to the disk at that moment', async () => {
    await using cluster = new SimulatedCluster();
    await cluster.startManager();
    cluster.addMachine('n1');
    await cluster.startWorker('n1');
    await cluster.clock.advance(1000);
    const job = { name: 'job', command: 'sleep', args: ['5'], cpu: 2 };
    await cluster.submit(job);
    await cluster.clock.advance(1000);
    const release = cluster.managerDisk.hold();
    const submitted = cluster.submit({ name: 'server', command: 'serve', cpu: 1 });
    // While the submission is written, the job ends, and so does the promise of its two cores.
    await cluster.clock.advance(5000);
    release();
    const { id } = await submitted;
    await cluster.clock.advance(1000);
    const { decided } = await cluster.manager.explain(id);
    const [best] = decided?.placement.best ?? [];
    expect(decided?.verdicts).toEqual([{ node: 'n1', score: best?.score, rejections: [] }]);
    expect(decided?.placement.basis).toBeDefined();
  });

  it('of a task that has failed leads to what it wrote', async () => {
    await using cluster = new SimulatedCluster();
    await cluster.startManager();
    cluster.addMachine('n1');
    await cluster.startWorker('n1');
    await cluster.clock.advance(1000);
    const restart = { policy: 'always', delay: '30s' } as const;
    const { id } = await cluster.submit({ name: 'job', command: 'sleep', args: ['1'], restart });
    await cluster.clock.advance(5000);
    const { advice } = await cluster.manager.explain(id);
    expect(advice).toEqual([
      expect.stringMatching(
        `^Look at what it wrote with "cube logs ${id.slice(0, 8)}"; it is started`,
      ),
    ]);
  });

  it('of a task that has failed for good says why it stays so, and what would change it', async () => {
    await using cluster = new SimulatedCluster();
    await cluster.startManager();
    cluster.addMachine('n1');
    await cluster.startWorker('n1');
    await cluster.clock.advance(1000);
    const restart = { policy: 'never' } as const;
    const { id } = await cluster.submit({ name: 'job', command: 'false', restart });
    await cluster.clock.advance(5000);
    const { advice } = await cluster.manager.explain(id);
    const short = id.slice(0, 8);
    expect(advice).toEqual([
      `By its restart policy, "never", it is not started again: look at what it wrote with "cube logs ${short}"; "cube restart ${short}" tries it once more.`,
    ]);
  });
});
