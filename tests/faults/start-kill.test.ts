import Docker from 'dockerode';
import { expect, test } from 'vitest';
import { ensureTestImage } from '../support/docker-image.ts';
import { containerStarts, removeContainers } from '../support/docker-starts.ts';
import { eventually } from '../support/eventually.ts';
import { FaultCluster } from '../support/fault-cluster.ts';
import { isLong, tell } from '../support/long-run.ts';
import { openSocketProxy, type SocketProxy } from '../support/socket-proxy.ts';
import { attachTracer } from '../support/tracer.ts';

/**
 * The worker is killed at each step of the start of a container: a proxy between it and the
 * engine sees the step and has it killed, before or after it was carried out.
 */

const ENGINE = process.env['DOCKER_HOST']?.replace(/^unix:\/\//, '') ?? '/var/run/docker.sock';
const docker = new Docker();
const timesEach = isLong ? 20 : 1;

const isCreate = (request: string): boolean => request.includes('/containers/create');
const isStart = (request: string): boolean => /^POST .*\/containers\/\w+\/start/.test(request);
const isInspect = (request: string): boolean => /^GET .*\/containers\/\w+\/json/.test(request);

/** Sees to it that the worker is killed at a step; `kill` ends it at once. */
type Arm = (proxy: SocketProxy, kill: () => void) => void;

const steps: readonly (readonly [string, Arm])[] = [
  ['before create', (proxy, kill) => once(proxy, isCreate, 'hang', kill)],
  ['after create', (proxy, kill) => once(proxy, isCreate, 'lose-reply', kill)],
  ['before start', (proxy, kill) => once(proxy, isStart, 'hang', kill)],
  ['after start', (proxy, kill) => once(proxy, isStart, 'lose-reply', kill)],
  ['before record', killAfterStart],
];

/** Does harm to the first request that fits, and kills the worker that made it. */
function once(
  proxy: SocketProxy,
  fits: (request: string) => boolean,
  action: 'hang' | 'lose-reply',
  kill: () => void,
): void {
  proxy.rule = (request) => {
    if (!fits(request)) return 'pass';
    proxy.rule = () => 'pass';
    if (action === 'hang') {
      kill();
    } else {
      // Without its reply the worker cannot go on; it is killed when the engine has carried it out.
      proxy.onReplyLost = kill;
    }
    return action;
  };
}

/** What follows the start is an inspection; it is answered, and nothing is recorded any more. */
function killAfterStart(proxy: SocketProxy, kill: () => void): void {
  let isStarted = false;
  proxy.rule = (request) => {
    isStarted ||= isStart(request);
    if (!isStarted || !isInspect(request)) return 'pass';
    proxy.rule = () => 'pass';
    kill();
    return 'hang';
  };
}

test(
  `a worker killed at each step of a start, ${timesEach} times each, starts each attempt once`,
  async () => {
    const image = await ensureTestImage();
    const sinceMs = Date.now();
    await using proxy = await openSocketProxy(ENGINE);
    await using cluster = await FaultCluster.start({
      environment: { DOCKER_HOST: `unix://${proxy.path}` },
    });
    const ids = new Set<string>();
    await using _containers = { [Symbol.asyncDispose]: () => removeContainers(docker, ids) };
    const worker = cluster.worker(1);
    let killCount = 0;

    const surviveKill = async (step: string, ended: Promise<unknown>, id: string) => {
      expect(await ended, step).toBe('SIGKILL');
      killCount += 1;
      worker.start();
      const { status } = await cluster.untilTask(id, (task) => task.status.state === 'running');
      // Where it does not, its events tell why.
      const events = status.attempt === 1 ? [] : await cluster.client.taskEvents(id);
      expect(events, step).toEqual([]);
      const filters = { label: [`cube.task=${id}`] };
      const containers = await docker.listContainers({ all: true, filters });
      expect(
        containers.map(({ Id }) => Id),
        step,
      ).toEqual([status.runtimeId]);
      await cluster.client.stop(id);
      await cluster.untilTask(id, (task) => task.status.state === 'completed');
      await eventually('nothing runs any more', async () => {
        return (await docker.listContainers({ filters })).length === 0;
      });
    };
    const container = () => {
      const spec = { image, pull: 'never' as const, command: 'sleep', args: ['3600'] };
      const task = cluster.task({ ...spec, name: 'container' });
      ids.add(task.id);
      return task;
    };

    for (let time = 0; time < timesEach; time += 1) {
      for (const [step, arm] of steps) {
        const ended = worker.untilEnd();
        arm(proxy, () => worker.signal('SIGKILL'));
        const { id } = await cluster.submit(container());
        await surviveKill(step, ended, id);
      }
      // As the order is to be recorded, and as what runs is to be.
      for (const [step, when] of [
        ['before the order is kept', 1],
        ['after it is kept', 9],
      ] as const) {
        const ended = worker.untilEnd();
        await using _tracer = await attachTracer(worker.pid, {
          threads: 'store',
          calls: 'pwrite64',
          inject: `pwrite64:signal=KILL:when=${when}`,
        });
        const { id } = await cluster.submit(container());
        await surviveKill(step, ended, id);
      }
    }
    expect(await cluster.judge({ starts: await containerStarts(docker, ids, sinceMs) })).toEqual(
      [],
    );
    tell({ kills: killCount });
  },
  isLong ? 3_600_000 : 900_000,
);
