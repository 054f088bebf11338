import { describe, expect, it } from 'vitest';
import { CubeError } from '../../../src/errors/cube-error.ts';
import { SimulatedCluster } from '../../../src/simulation/cluster/simulated-cluster.ts';

const origin = { requestId: 'test' };
const server = { name: 'server', command: 'serve' };

describe('a task that cannot be killed', () => {
  it('is shown as stuck, keeps its room and its port, and holds up nobody else', async () => {
    const unkillable = new Set<string>();
    await using cluster = new SimulatedCluster({
      patches: {
        runtime: (runtime) => {
          const stop = runtime.stop.bind(runtime);
          // Both signals are taken and nothing comes of them, as of a process in the kernel.
          runtime.stop = async (key, how) => {
            if (!unkillable.has(key.taskId)) return await stop(key, how);
            throw new CubeError('runtime-failed', 'The process did not die within 10s of SIGKILL.');
          };
          return runtime;
        },
      },
    });
    await cluster.startManager();
    cluster.addMachine('n1');
    await cluster.startWorker('n1');
    await cluster.clock.advance(1000);
    const port = { ports: [{ container: 8080, host: 8080 }] };
    const stuck = await cluster.submit({ ...server, ...port, cpu: 3 });
    const other = await cluster.submit(server);
    await cluster.clock.advance(1000);
    unkillable.add(stuck.id);
    await cluster.manager.stopTask(stuck.id, origin);
    const portWanted = await cluster.submit({ ...server, ...port });
    const roomWanted = await cluster.submit({ ...server, cpu: 2 });
    await cluster.clock.advance(60_000);
    expect((await cluster.task(stuck.id)).status).toMatchObject({
      state: 'running',
      desired: 'stopped',
      progress: 'stuck: The process did not die within 10s of SIGKILL.',
    });
    const said = (await cluster.events()).filter(({ type }) => type === 'task-progressed');
    expect(said).toHaveLength(1);
    const [node] = cluster.manager.listNodes();
    expect(node).toMatchObject({ taskCount: 2, committed: { cpu: 3 } });
    expect((await cluster.task(portWanted.id)).status).toMatchObject({ state: 'pending' });
    expect((await cluster.task(roomWanted.id)).status).toMatchObject({ state: 'pending' });
    const after = await cluster.submit(server);
    await cluster.manager.stopTask(other.id, origin);
    await cluster.clock.advance(15_000);
    expect((await cluster.task(after.id)).status.state).toBe('running');
    expect((await cluster.task(other.id)).status.state).toBe('completed');

    unkillable.clear();
    await cluster.clock.advance(30_000);
    const { status } = await cluster.task(stuck.id);
    expect(status).toMatchObject({ state: 'completed' });
    expect(status.progress).toBeUndefined();
    expect((await cluster.task(portWanted.id)).status.state).toBe('running');
    expect((await cluster.task(roomWanted.id)).status.state).toBe('running');
  });
});
