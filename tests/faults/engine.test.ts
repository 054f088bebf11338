import { setTimeout as pause } from 'node:timers/promises';
import Docker from 'dockerode';
import { describe, expect, test } from 'vitest';
import { systemRandom } from '../../src/lib/random.ts';
import { ensureTestImage, TEST_IMAGE } from '../support/docker-image.ts';
import { containerStarts, removeContainers } from '../support/docker-starts.ts';
import { eventually } from '../support/eventually.ts';
import { FaultCluster } from '../support/fault-cluster.ts';
import { isLong, tell } from '../support/long-run.ts';
import { openPrivateEngine, whyNoPrivateEngine } from '../support/private-engine.ts';
import { openSocketProxy, type SocketProxy } from '../support/socket-proxy.ts';

/** A Docker Engine that dies, goes away, is slow, or is used by others behind Cube's back. */

const ENGINE = process.env['DOCKER_HOST']?.replace(/^unix:\/\//, '') ?? '/var/run/docker.sock';
const why = whyNoPrivateEngine();

/** Runs until it is stopped, and then ends at once. */
const sleeper = (name: string) => ({
  name,
  image: TEST_IMAGE,
  pull: 'never' as const,
  command: 'sleep',
  args: ['3600'],
});

interface Hurt extends AsyncDisposable {
  readonly cluster: FaultCluster;
  readonly docker: Docker;
  /** Submits a container and waits until it runs. */
  run(spec?: object): Promise<{ readonly id: string; readonly container: string }>;
  judge(): Promise<readonly string[]>;
}

async function openHurt(path: string, docker: Docker): Promise<Hurt> {
  const sinceMs = Date.now();
  const ids = new Set<string>();
  const cluster = await FaultCluster.start({ environment: { DOCKER_HOST: `unix://${path}` } });
  return {
    cluster,
    docker,
    async run(spec = {}) {
      const id = systemRandom.uuid();
      ids.add(id);
      const { status } = await cluster.submitRunning({ ...sleeper('container'), id, ...spec });
      return { id, container: status.runtimeId ?? '' };
    },
    judge: async () => await cluster.judge({ starts: await containerStarts(docker, ids, sinceMs) }),
    async [Symbol.asyncDispose]() {
      await cluster[Symbol.asyncDispose]();
      await removeContainers(docker, ids);
    },
  };
}

async function openProxied(): Promise<Hurt & { readonly proxy: SocketProxy }> {
  await ensureTestImage();
  const proxy = await openSocketProxy(ENGINE);
  const hurt = await openHurt(proxy.path, new Docker());
  return {
    ...hurt,
    proxy,
    async [Symbol.asyncDispose]() {
      await hurt[Symbol.asyncDispose]();
      await proxy[Symbol.asyncDispose]();
    },
  };
}

describe.skipIf(why !== undefined)(`an engine that is killed${why ? ` (${why})` : ''}`, () => {
  test('and takes over what runs when it is back, leaves every task as it was', async () => {
    await using engine = await openPrivateEngine({ liveRestore: true });
    await using hurt = await openHurt(engine.path, engine.docker);
    const { cluster } = hurt;
    const tasks = [await hurt.run(), await hurt.run()];
    for (let time = 0; time < (isLong ? 10 : 1); time += 1) {
      await engine.kill();
      await untilRuntime(cluster, false);
      await engine.start();
      await untilRuntime(cluster, true);
      for (const { id, container } of tasks) {
        const { status } = await cluster.untilTask(id, (task) => task.status.state === 'running');
        expect(status).toMatchObject({ attempt: 1, runtimeId: container });
      }
    }
    const after = await hurt.run();
    await cluster.client.stop(after.id);
    await cluster.untilTask(after.id, ({ status }) => status.state === 'completed');
    expect(await hurt.judge()).toEqual([]);
    tell({ 'engines killed': isLong ? 10 : 1 });
  }, 300_000);

  // The engine's part of this is held by tests/docker/docker-restart.test.ts in every run.
  test.runIf(isLong)(
    'and ends what ran when it is back, has each task restarted by its policy',
    async () => {
      await using engine = await openPrivateEngine();
      await using hurt = await openHurt(engine.path, engine.docker);
      const { cluster } = hurt;
      const always = await hurt.run({ restart: { policy: 'always', delay: '100ms' } });
      const never = await hurt.run({ restart: 'never' });
      await engine.kill();
      await untilRuntime(cluster, false);
      // While nobody can know, nothing has failed.
      for (const { id } of [always, never]) {
        expect((await cluster.client.get(id)).status).toMatchObject({
          state: 'running',
          attempt: 1,
        });
      }
      await engine.start();
      await cluster.untilTask(
        always.id,
        ({ status }) => status.state === 'running' && status.attempt === 2,
      );
      const { status } = await cluster.untilTask(
        never.id,
        (task) => task.status.state === 'failed',
      );
      // The engine's own word, never an invented success.
      expect(status.exitCode).not.toBe(0);
      expect(await hurt.judge()).toEqual([]);
    },
    120_000,
  );
});

describe('an engine', () => {
  test('that is away for seconds has nothing failed and nothing doubled', async () => {
    await using hurt = await openProxied();
    const { cluster, proxy } = hurt;
    const rounds = isLong ? 5 : 1;
    for (let round = 0; round < rounds; round += 1) {
      const stays = await hurt.run();
      const ends = await hurt.run({ args: ['2'] });
      await proxy.stop();
      await untilRuntime(cluster, false);
      const waiting = await cluster.submit({ ...sleeper('waiting'), stopTimeout: '1s' });
      // It is away for longer than the one of them still has to run.
      await eventually('it has ended meanwhile', async () => {
        const { State } = await hurt.docker.getContainer(ends.container).inspect();
        return !State.Running;
      });
      await pause(isLong ? 60_000 : 1000);
      expect((await cluster.client.get(stays.id)).status).toMatchObject({
        state: 'running',
        attempt: 1,
      });
      await proxy.start();
      const { status } = await cluster.untilTask(
        ends.id,
        (task) => task.status.state === 'completed',
      );
      expect(status).toMatchObject({ exitCode: 0, attempt: 1 });
      const { id } = await cluster.untilTask(
        waiting.id,
        (task) => task.status.state === 'running' && task.status.attempt === 1,
      );
      expect((await cluster.client.get(stays.id)).status).toMatchObject({
        state: 'running',
        attempt: 1,
        runtimeId: stays.container,
      });
      for (const one of [stays.id, id]) {
        await cluster.client.stop(one);
        await cluster.untilTask(one, (task) => task.status.state === 'completed');
      }
      await removeContainers(hurt.docker, new Set([id]));
    }
    expect(await hurt.judge()).toEqual([]);
    tell({ 'engines away': rounds });
  }, 600_000);

  test('that is slow, and hangs for one task, holds up neither the others nor the node', async () => {
    await using hurt = await openProxied();
    const { cluster, proxy } = hurt;
    let hungCount = 0;
    proxy.rule = (request) => {
      if (request.includes('/containers/create') && hungCount === 0) {
        hungCount += 1;
        return 'hang';
      }
      return request.includes('/events') ? 'pass' : { delayMs: isLong ? 3000 : 250 };
    };
    const stuck = await cluster.submit({ ...sleeper('stuck'), stopTimeout: '1s' });
    await using _stuck = {
      [Symbol.asyncDispose]: () => removeContainers(hurt.docker, new Set([stuck.id])),
    };
    await eventually('one call hangs', () => hungCount === 1);
    const others = await Promise.all([hurt.run(), hurt.run(), hurt.run()]);
    expect((await cluster.client.get(stuck.id)).status.state).toBe('scheduled');
    for (const { id } of [...others, stuck]) await cluster.client.stop(id);
    for (const { id } of [...others, stuck]) {
      await cluster.untilTask(id, ({ status }) => status.state === 'completed');
    }
    expect(await cluster.countEvents('node-became-unreachable')).toBe(0);
    expect(await hurt.judge()).toEqual([]);
  }, 120_000);

  test('whose events are lost still has every end found, by the slow look at all', async () => {
    await using hurt = await openProxied();
    hurt.proxy.rule = (request) => (request.includes('/events') ? 'hang' : 'pass');
    hurt.proxy.cut(/\/events/);
    const { id, container } = await hurt.run({ restart: 'never' });
    await hurt.docker.getContainer(container).kill();
    const { status } = await hurt.cluster.untilTask(id, (task) => task.status.state === 'failed');
    expect(status.exitCode).toBe(137);
    expect(await hurt.judge()).toEqual([]);
  });

  test('used by others behind its back: what was done is understood, and tasks go on', async () => {
    await ensureTestImage();
    await using hurt = await openHurt(ENGINE, new Docker());
    const { cluster, docker } = hurt;
    const meddle = async (act: Meddling, expected: number): Promise<string> => {
      const { id, container } = await hurt.run({ restart: { policy: 'always', delay: '100ms' } });
      await act(docker.getContainer(container));
      const { status } = await cluster.untilTask(
        id,
        (task) => task.status.state === 'running' && task.status.attempt === expected,
      );
      expect(status.runtimeId === container, act.toString()).toBe(expected === 1);
      // Of a task one container runs, whatever others did to it.
      const filters = { label: [`cube.task=${id}`], status: ['running', 'paused'] };
      await eventually('one container runs', async () => {
        const running = await docker.listContainers({ filters });
        return running.length === 1 && running[0]?.Id === status.runtimeId;
      });
      return id;
    };
    const ids = await Promise.all([
      meddle((container) => container.remove({ force: true }), 2),
      meddle((container) => container.stop({ t: 0 }), 2),
      meddle((container) => container.kill(), 2),
      meddle((container) => container.pause(), 1),
      meddle(pauseAndLetGoOn, 1),
      meddle((container) => container.rename({ name: `other-${systemRandom.uuid()}` }), 1),
    ]);
    const paused = 'paused from outside';
    await cluster.untilTask(ids[3], ({ status }) => status.progress === paused);
    await cluster.untilTask(ids[4], ({ status }) => status.progress === undefined);
    for (const id of ids) await cluster.client.stop(id);
    for (const id of ids) {
      await cluster.untilTask(id, (task) => task.status.state === 'completed');
      const filters = { label: [`cube.task=${id}`] };
      expect(await docker.listContainers({ filters })).toEqual([]);
    }
    expect(await hurt.judge()).toEqual([]);
  });

  test('used by others to restart a container: in the end one runs, and none after a stop', async () => {
    await ensureTestImage();
    await using hurt = await openHurt(ENGINE, new Docker());
    const { cluster, docker } = hurt;
    const { id, container } = await hurt.run({ restart: { policy: 'always', delay: '100ms' } });
    const filters = { label: [`cube.task=${id}`] };
    await docker.getContainer(container).restart({ t: 0 });
    // Either the end was seen, and the task runs anew, or it was not, and it runs on.
    await eventually('the container of the current attempt runs alone', async () => {
      const { status } = await cluster.client.get(id);
      const running = await docker.listContainers({ filters });
      const isAlone = running.length === 1 && running[0]?.Id === status.runtimeId;
      return status.state === 'running' && isAlone;
    });
    await cluster.client.stop(id);
    // Where the end by others was seen first, the task has failed, and is not run again.
    await cluster.untilTask(id, ({ status }) => ['completed', 'failed'].includes(status.state));
    await eventually('nothing runs any more', async () => {
      return (await docker.listContainers({ filters })).length === 0;
    });
    // The start by others is one that the engine tells of, and none of Cube's.
    expect(await cluster.judge()).toEqual([]);
  });
});

type Meddling = (container: Docker.Container) => Promise<unknown>;

async function pauseAndLetGoOn(container: Docker.Container): Promise<void> {
  await container.pause();
  await container.unpause();
}

/** Until the worker has told that its engine answers, or does not. */
async function untilRuntime(cluster: FaultCluster, available: boolean): Promise<void> {
  await eventually(
    `the engine is ${available ? 'there' : 'away'}`,
    async () => {
      const [node] = await cluster.client.nodes();
      return node?.runtimes.some((one) => one.name === 'docker' && one.available === available);
    },
    30_000,
  );
}
