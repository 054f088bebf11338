import { describe, expect, it } from 'vitest';
import { SimulatedCluster } from '../../../src/simulation/cluster/simulated-cluster.ts';
import type { Task } from '../../../src/task/task.ts';

const QUERY = { limit: 1000 };

/** A cluster of one node on which jobs end and servers run. */
async function startCluster(
  retention?: Partial<{ eventCountMax: number; finishedCountMax: number }>,
): Promise<SimulatedCluster> {
  const cluster = new SimulatedCluster(retention === undefined ? {} : { manager: { retention } });
  await cluster.startManager();
  cluster.addMachine('n1');
  await cluster.startWorker('n1');
  await cluster.clock.advance(1000);
  return cluster;
}

async function tasksNow(cluster: SimulatedCluster): Promise<readonly Task[]> {
  return (await cluster.manager.listTasks(QUERY)).items.map(({ task }) => task);
}

async function tasksAt(cluster: SimulatedCluster, revision: number): Promise<readonly Task[]> {
  const page = await cluster.manager.history.listTasks({ revision }, QUERY);
  return page.items.map(({ task }) => task);
}

/** Lets things happen, and notes what the manager showed at each revision at which it was looked at. */
async function liveAndNote(cluster: SimulatedCluster) {
  const shown = new Map<number, readonly Task[]>();
  const times = new Map<number, number>();
  for (let step = 0; step < 12; step += 1) {
    const isJob = step % 3 === 0;
    const spec = isJob
      ? { command: 'sleep', args: ['2'], cpu: 0.1 }
      : { command: 'serve', cpu: 0.1 };
    const { id } = await cluster.submit({ name: `task-${step}`, ...spec });
    await cluster.clock.advance(1500);
    if (step % 4 === 3) await cluster.manager.stopTask(id, { requestId: 'test' });
    await cluster.clock.advance(1500);
    const { revision } = cluster.manager.status();
    shown.set(revision, await tasksNow(cluster));
    times.set(revision, cluster.clock.now());
    await cluster.clock.advance(1);
  }
  return { shown, times };
}

describe('the past', () => {
  it('is at each revision what was shown then, in whatever order it is asked for', async () => {
    await using cluster = await startCluster();
    const { shown } = await liveAndNote(cluster);
    const revisions = [...shown.keys()];
    const order = [...revisions, ...revisions.toReversed(), ...revisions.toSorted()];
    for (const revision of order) {
      expect(await tasksAt(cluster, revision), `at revision ${revision}`).toEqual(
        shown.get(revision),
      );
    }
  });

  it('is found by its time', async () => {
    await using cluster = await startCluster();
    const { times } = await liveAndNote(cluster);
    for (const [revision, timeMs] of times) {
      expect(await cluster.manager.history.resolve({ timeMs })).toBe(revision);
    }
    const before = await cluster.manager.history.listTasks({ timeMs: 0 }, QUERY);
    expect(before).toEqual({ items: [], revision: 0 });
  });

  it('is given page by page, each of the same moment', async () => {
    await using cluster = await startCluster();
    const { shown } = await liveAndNote(cluster);
    const [revision = 0] = [...shown.keys()].slice(-3);
    const names: string[] = [];
    let cursor: string | undefined;
    do {
      const query = { limit: 2, ...(cursor === undefined ? {} : { cursor }) };
      const page = await cluster.manager.history.listTasks({ revision }, query);
      expect(page.revision).toBe(revision);
      names.push(...page.items.map(({ task }) => task.spec.name));
      cursor = page.cursor;
    } while (cursor !== undefined);
    expect(names).toEqual(shown.get(revision)?.map(({ spec }) => spec.name));
  });

  it('shows nodes with what was promised on them, and tasks of a silent one as unknown', async () => {
    await using cluster = await startCluster();
    const { id } = await cluster.submit({ name: 'server', command: 'serve', cpu: 1 });
    await cluster.clock.advance(1000);
    const up = cluster.manager.status().revision;
    const [then] = cluster.manager.listNodes();
    cluster.cutOff('n1');
    await cluster.clock.advance(60_000);
    const { items } = await cluster.manager.history.listNodes({ revision: up });
    expect(items).toEqual([
      { node: then?.node, committed: then?.committed, taskCount: then?.taskCount },
    ]);
    const silent = cluster.manager.status().revision;
    const { history } = cluster.manager;
    expect((await history.getTask({ revision: up }, id)).observedAt).toBeUndefined();
    expect((await history.listNodes({ revision: silent })).items[0]?.node.liveness).toBe('down');
  });

  it('differs from the present by what has changed since, and by nothing else', async () => {
    await using cluster = await startCluster();
    const keeper = await cluster.submit({ name: 'keeper', command: 'serve', cpu: 0.1 });
    const goer = await cluster.submit({ name: 'goer', command: 'serve', cpu: 0.1 });
    await cluster.clock.advance(5000);
    const from = cluster.manager.status().revision;
    await cluster.manager.stopTask(goer.id, { requestId: 'test' });
    const comer = await cluster.submit({ name: 'comer', command: 'serve', cpu: 0.1 });
    await cluster.clock.advance(5000);
    const to = cluster.manager.status().revision;
    const difference = await cluster.manager.history.difference(
      { revision: from },
      { revision: to },
    );
    expect(difference.tasks.map((change) => [change.from?.status.state, change.to?.id])).toEqual([
      ['running', goer.id],
      [undefined, comer.id],
    ]);
    expect(difference.tasks.some((change) => change.to?.id === keeper.id)).toBe(false);
    expect(difference.nodes).toEqual([]);
    const backwards = await cluster.manager.history.difference(
      { revision: to },
      { revision: from },
    );
    expect(backwards.tasks.map((change) => change.to?.id)).toEqual([goer.id, undefined]);
  });

  it('that was pruned, and what is still to come, is refused by name', async () => {
    await using cluster = await startCluster({ eventCountMax: 20, finishedCountMax: 2 });
    const { shown } = await liveAndNote(cluster);
    await cluster.clock.advance(120_000);
    const { floor, revision } = cluster.manager.status();
    expect(floor).toBeGreaterThan(0);
    const { history } = cluster.manager;
    const refusal = { code: 'pruned', message: expect.stringContaining(`revision ${floor}`) };
    await expect(history.resolve({ revision: floor - 1 })).rejects.toMatchObject(refusal);
    await expect(history.resolve({ timeMs: 1 })).rejects.toMatchObject(refusal);
    await expect(history.resolve({ revision: revision + 1 })).rejects.toMatchObject({
      code: 'not-found',
    });
    // At the floor and above, the base that the pruned events came to stands in for them.
    for (const [at, tasks] of shown) {
      if (at >= floor) expect(await tasksAt(cluster, at)).toEqual(tasks);
    }
    expect((await tasksAt(cluster, revision)).length).toBe((await tasksNow(cluster)).length);
  });
});
