import { describe, expect, it } from 'vitest';
import { SimulatedCluster } from '../../../src/simulation/cluster/simulated-cluster.ts';
import { type TaskSpec, type TaskSpecInput, taskSpecSchema } from '../../../src/task/task-spec.ts';

const spec = (input: TaskSpecInput): TaskSpec => taskSpecSchema.parse(input);
const server = (cpu: number, more: Partial<TaskSpecInput> = {}): TaskSpec =>
  spec({ name: 'server', command: 'serve', cpu, ...more } as TaskSpecInput);

async function startCluster(): Promise<SimulatedCluster> {
  const cluster = new SimulatedCluster();
  await cluster.startManager();
  for (const name of ['n1', 'n2']) {
    cluster.addMachine(name);
    await cluster.startWorker(name);
  }
  await cluster.clock.advance(2000);
  return cluster;
}

describe('a plan', () => {
  it('is what then happens, each task counted before the next', async () => {
    await using cluster = await startCluster();
    const capacity = cluster.manager.listNodes()[0]?.node.capacity.cpu ?? 0;
    const specs = [server(capacity), server(capacity), server(capacity)];
    const planned = cluster.manager.plan(specs.map((one) => ({ spec: one })));
    expect(new Set(planned.map(({ placement }) => placement.node))).toEqual(
      new Set(['n1', 'n2', undefined]),
    );
    const [, , last] = planned;
    expect(last?.advice.join()).toMatch(/needs/);
    expect(last?.verdicts).toHaveLength(2);
    const nodes: (string | undefined)[] = [];
    for (const one of specs) {
      const { task } = await cluster.manager.submit({ spec: one }, { requestId: 'test' });
      await cluster.clock.advance(1000);
      nodes.push((await cluster.task(task.id)).status.node);
    }
    expect(nodes).toEqual(planned.map(({ placement }) => placement.node));
  });

  it('looks at the most urgent first, as the scheduler does', async () => {
    await using cluster = await startCluster();
    const capacity = cluster.manager.listNodes()[0]?.node.capacity.cpu ?? 0;
    const planned = cluster.manager.plan([
      { spec: server(capacity, { priority: 10 }) },
      { spec: server(capacity, { priority: 90 }) },
      { spec: server(capacity, { priority: 80 }) },
    ]);
    expect(planned.map(({ placement }) => placement.node === undefined)).toEqual([
      true,
      false,
      false,
    ]);
  });

  it('changes nothing', async () => {
    await using cluster = await startCluster();
    const { revision } = cluster.manager.status();
    cluster.manager.plan([{ spec: server(1) }, { spec: server(100_000) }]);
    await cluster.clock.advance(2000);
    expect(cluster.manager.status()).toMatchObject({ revision, taskCounts: { pending: 0 } });
    expect(cluster.manager.listNodes().map(({ committed }) => committed.cpu)).toEqual([0, 0]);
  });

  it('tells of a task that has the id already whether it would stay or be refused', async () => {
    await using cluster = await startCluster();
    const { id } = await cluster.submit({ name: 'server', command: 'serve', cpu: 1 });
    const [same, other] = cluster.manager.plan([
      { id, spec: server(1) },
      { id, spec: server(2) },
    ]);
    expect(same?.existing).toMatchObject({ task: { id } });
    expect(same?.existing?.differsIn).toBeUndefined();
    expect(other?.existing?.differsIn).toBe('cpu');
  });
});
