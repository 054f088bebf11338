import { mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { CubeProcess, freePorts, isAlive } from '../support/cube-process.ts';
import { startCubeUp, stopAll } from '../support/cube-up.ts';
import { eventually } from '../support/eventually.ts';
import { FaultCluster } from '../support/fault-cluster.ts';
import { judgeHistory } from '../support/judge-history.ts';
import { isLong, tell } from '../support/long-run.ts';
import { smallDisk } from '../support/small-disk.ts';
import { attachTracer } from '../support/tracer.ts';

/** A disk that is full, read-only, failing or slow, below a Cube that runs. */

const noDocker = { DOCKER_HOST: 'unix:///nonexistent/docker.sock' };
const sleeper = (name: string) => ({ name, command: 'sleep', args: ['3600'], stopTimeout: '1s' });
const episodes = isLong ? 100 : 2;

test('a full disk refuses changes by name, and the same Cube serves again once there is room', async () => {
  // What ran is kept, so that many episodes need more room in all.
  await using disk = await smallDisk(isLong ? 256 : 8);
  const directory = join(disk.path, 'data');
  await using cube = await startCubeUp(directory, ['--log-level', 'warn'], noDocker);
  // So that what runs can be stopped also where a test fails on a full disk.
  await using _room = { [Symbol.asyncDispose]: async () => disk.clear() };
  const { client } = cube;
  const { task: old } = await client.submit(sleeper('old'));
  await cube.untilState(old.id, 'running');
  const acknowledged = [];
  let refusedCount = 0;
  for (let episode = 0; episode < episodes; episode += 1) {
    disk.fill();
    let refusal: unknown;
    // The log has some room of its own to write over, so the first changes may still be made.
    for (let count = 0; count < 500 && refusal === undefined; count += 1) {
      const submission = { ...sleeper('new'), id: crypto.randomUUID() };
      try {
        await client.submit(submission);
        acknowledged.push(submission);
        await client.stop(submission.id);
      } catch (error) {
        refusal = error;
        refusedCount += 1;
      }
    }
    expect(refusal).toMatchObject({
      code: 'storage-full',
      retryable: true,
      message: expect.stringContaining(directory),
    });
    // What reads goes on, and so does what runs.
    expect((await client.get(old.id)).status.state).toBe('running');
    // What the node says cannot be recorded now; yet it is heard.
    expect((await client.nodes()).map(({ liveness }) => liveness)).not.toContain('down');
    disk.clear();
    await eventually('the room was seen', async () => (await client.status()).healthy);
    const submission = { ...sleeper('after'), id: crypto.randomUUID() };
    await client.submit(submission);
    acknowledged.push(submission);
    await cube.untilState(submission.id, 'running');
    await client.stop(submission.id);
    await cube.untilState(submission.id, 'completed');
    expect(await client.status()).toMatchObject({ healthy: true });
  }
  expect(refusedCount).toBe(episodes);
  const { status } = await client.get(old.id);
  expect(status).toMatchObject({ state: 'running', attempt: 1 });
  await stopAll(client);
  expect(await judgeHistory(client, { acknowledged })).toEqual([]);
  tell({ 'episodes of a full disk': episodes });
}, 900_000);

test('a disk that others have filled to the last byte takes no new task, and yet stops, ends and restarts', async () => {
  await using disk = await smallDisk(16);
  const directory = join(disk.path, 'manager');
  const dataOf = (role: string) => (role === 'manager' ? directory : undefined);
  await using cluster = await FaultCluster.start({ dataOf });
  const { client } = cluster;
  const stopped = await cluster.submitRunning({ name: 'stopped' });
  // However often it is killed, it is back before the test gives it up.
  const restart = { policy: 'always', delay: '1s', delayMax: '1s' } as const;
  const crashing = await cluster.submitRunning({ name: 'crashing', restart });
  const log = join(directory, 'manager.db-wal');
  const reserveBytes = 2 ** 20;
  await eventually('the reserve is there', () => statSync(log).size > reserveBytes);
  for (let episode = 0; episode < (isLong ? 10 : 1); episode += 1) {
    disk.fill();
    const problem = await eventually('the status tells it', async () => {
      return (await client.status()).problem;
    });
    expect(problem).toContain(`The disk that holds ${directory} has 0 KiB left`);
    expect(problem).toContain('1024 KiB are free');
    await expect(client.submit(cluster.task({ name: 'refused' }))).rejects.toMatchObject({
      code: 'storage-full',
      retryable: true,
      message: problem,
    });
    // A task that is there already is no new one.
    const known = cluster.acknowledged.find(({ id }) => id === crashing.id);
    expect((await client.submit(known ?? cluster.task())).created).toBe(false);
    // Its end, its restart and its new start are recorded, and so are wishes to stop.
    const attempt = 1 + episode;
    process.kill((await cluster.pidsOf(crashing.id)).get(attempt) ?? 0, 'SIGKILL');
    await cluster.untilTask(
      crashing.id,
      ({ status }) => status.state === 'running' && status.attempt === attempt + 1,
    );
    if (episode === 0) {
      await client.stop(stopped.id);
      await cluster.untilTask(stopped.id, ({ status }) => status.state === 'completed');
      expect(await isAlive((await cluster.pidsOf(stopped.id)).get(1) ?? 0)).toBe(false);
    }
    disk.clear();
    await eventually('it is well again', async () => (await client.status()).healthy);
    await cluster.submitRunning({ name: 'after' });
    await eventually('the reserve is whole again', () => statSync(log).size > reserveBytes);
  }
  expect(await cluster.judge()).toEqual([]);
}, 120_000);

test('a full disk of a worker keeps its tasks running, and takes new ones once there is room', async () => {
  await using disk = await smallDisk(6);
  const dataOf = (role: string) => (role === 'n1' ? join(disk.path, 'n1') : undefined);
  await using cluster = await FaultCluster.start({
    dataOf,
    managerFlags: ['--node-timeout', '2s'],
  });
  const old = await cluster.submitRunning();
  const stopped = await cluster.submitRunning();
  const log = join(disk.path, 'n1', 'worker.db-wal');
  await eventually('the reserve is there', () => statSync(log).size > 2 ** 18);
  disk.fill();
  const ids = [];
  for (let count = 0; count < 20; count += 1) ids.push((await cluster.submit()).id);
  // Some orders still find room; those that do not are given again, and cost no attempt.
  await expect
    .poll(() => cluster.manager.output + cluster.worker(1).output, { timeout: 20_000 })
    .toMatch(/full|no room|ENOSPC/i);
  expect((await cluster.client.get(old.id)).status).toMatchObject({ state: 'running', attempt: 1 });
  expect(await isAlive(cluster.worker(1).pid)).toBe(true);
  await cluster.client.stop(stopped.id);
  await cluster
    .untilTask(stopped.id, ({ status }) => status.state === 'completed')
    .catch((e) => {
      console.log(cluster.worker(1).output.slice(-6000));
      console.log('MANAGER', cluster.manager.output.slice(-3000));
      throw e;
    });
  disk.clear();
  for (const id of ids) {
    await cluster.untilTask(id, ({ status }) => status.state === 'running');
  }
  expect((await cluster.client.get(old.id)).status).toMatchObject({ state: 'running', attempt: 1 });
  expect(await cluster.countEvents('node-went-down')).toBe(0);
  expect(await cluster.judge()).toEqual([]);
}, 120_000);

test('a data directory that is read-only is refused at the start, by its path', async () => {
  await using disk = await smallDisk(4);
  const directory = join(disk.path, 'data');
  mkdirSync(directory, { mode: 0o700 });
  disk.remount('ro');
  const [port = 0] = await freePorts(1);
  for (const role of ['manager', 'worker']) {
    await using cube = new CubeProcess(
      [role, '--data-dir', directory, '--port', `${port}`],
      noDocker,
    );
    cube.start();
    expect(await cube.untilEnd(), role).toBe(74);
    expect(cube.output, role).toContain(directory);
    expect(cube.output, role).toMatch(/read-only/i);
  }
});

test.each([
  ['a flush that fails', 'fsync,fdatasync:error=EIO'],
  ['a write that fails', 'pwrite64:error=EIO:when=3'],
  ['a file system that has turned read-only', 'pwrite64:error=EROFS'],
])(
  '%s ends the manager with 74, and what was not acknowledged was shown to nobody',
  async (_, inject) => {
    await using cluster = await FaultCluster.start();
    cluster.watch();
    const old = await cluster.submitRunning();
    await cluster.untilWatched();
    const ended = cluster.manager.untilEnd();
    const calls = 'pwrite64,fsync,fdatasync';
    await using _tracer = await attachTracer(cluster.manager.pid, {
      threads: 'store',
      calls,
      inject,
    });
    const refused = cluster.task({ name: 'refused' });
    await expect(cluster.client.submit(refused)).rejects.toMatchObject({ retryable: true });
    expect(await ended).toBe(74);
    expect(cluster.manager.output).toContain(cluster.dataOf('manager'));
    const seenBefore = cluster.seen.filter(({ taskId }) => taskId === refused.id);
    expect(seenBefore).toEqual([]);
    cluster.manager.start();
    await cluster.untilServing();
    // Whether it was kept is unknown, and asking again is safe.
    await cluster.submit(refused);
    await cluster.untilTask(refused.id, ({ status }) => status.state === 'running');
    await cluster.untilWatched();
    expect((await cluster.client.get(old.id)).status).toEqual(old.status);
    expect(await cluster.judge()).toEqual([]);
  },
);

test.each(['manager', 'worker'] as const)(
  'a disk of the %s whose flushes take half a second delays what waits for it, and takes no node down',
  async (role) => {
    await using cluster = await FaultCluster.start({ managerFlags: ['--node-timeout', '1s'] });
    const calls = 'fsync,fdatasync';
    const inject = `${calls}:delay_enter=500000`;
    const { pid } = role === 'manager' ? cluster.manager : cluster.worker(1);
    await using tracer = await attachTracer(pid, { threads: 'store', calls, inject });
    const startedAt = performance.now();
    const count = role === 'manager' ? 20 : 3;
    const tasks = await Promise.all(Array.from({ length: count }, () => cluster.submit()));
    if (role === 'manager') expect(performance.now() - startedAt).toBeGreaterThanOrEqual(500);
    for (const { id } of tasks) {
      const { status } = await cluster.untilTask(id, (task) => task.status.state === 'running');
      expect(status.attempt).toBe(1);
    }
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(500);
    await tracer.detach();
    expect(await cluster.countEvents('node-went-down')).toBe(0);
    expect(await cluster.judge()).toEqual([]);
  },
);
