import { execFileSync } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import Docker from 'dockerode';
import { expect, test } from 'vitest';
import { cli } from '../support/cli.ts';
import { ensureTestImage, TEST_IMAGE } from '../support/docker-image.ts';
import { containerStarts, removeContainers } from '../support/docker-starts.ts';
import { eventually } from '../support/eventually.ts';
import { FaultCluster } from '../support/fault-cluster.ts';
import { openSocketProxy } from '../support/socket-proxy.ts';

/** SIGTERM in the middle of work, and more callers than there are descriptors for. */

const ENGINE = process.env['DOCKER_HOST']?.replace(/^unix:\/\//, '') ?? '/var/run/docker.sock';

test('a worker that ends amid a start, a pull and a stop ends soon, and the next one finishes them', async () => {
  await ensureTestImage();
  const docker = new Docker();
  const sinceMs = Date.now();
  await using proxy = await openSocketProxy(ENGINE);
  const environment = { DOCKER_HOST: `unix://${proxy.path}` };
  await using cluster = await FaultCluster.start({ environment });
  const ids = new Set<string>();
  await using _containers = { [Symbol.asyncDispose]: () => removeContainers(docker, ids) };
  const worker = cluster.worker(1);
  const container = { image: TEST_IMAGE, command: 'sleep', args: ['3600'], name: 'container' };
  const isAsked = (pattern: RegExp) =>
    eventually(`${pattern} is asked`, () => proxy.requests.some((one) => pattern.test(one)));

  // It runs, and takes its time to end.
  const script = 'trap "" TERM; echo ready; while :; do sleep 0.1; done';
  const slow = await cluster.submitRunning({
    command: 'sh',
    args: ['-c', script],
    stopTimeout: '6s',
  });
  await eventually('it ignores the signal', async () => {
    const lines = await Array.fromAsync(cluster.client.logs(slow.id));
    return lines.some(({ text }) => text === 'ready');
  });
  const undisturbed = await cluster.submitRunning();
  const pattern = /\/containers\/create/;
  proxy.rule = (request) =>
    pattern.test(request) || request.includes('/images/create') ? 'hang' : 'pass';
  const starting = await cluster.submit({ ...container, pull: 'never' });
  const pulling = await cluster.submit({ ...container, image: 'registry.invalid/none:1' });
  ids.add(starting.id).add(pulling.id);
  await isAsked(pattern);
  await isAsked(/\/images\/create/);
  await cluster.client.stop(slow.id);
  await eventually('the stop has arrived', async () => {
    const events = await cluster.client.taskEvents(slow.id);
    return events.some(({ type }) => type === 'task-stop-requested');
  });
  const startedAt = performance.now();
  expect(await worker.end('SIGTERM')).toBe(0);
  expect(performance.now() - startedAt).toBeLessThan(5000);

  proxy.rule = () => 'pass';
  worker.start();
  await cluster.untilTask(
    starting.id,
    ({ status }) => status.state === 'running' && status.attempt === 1,
  );
  await cluster.untilTask(slow.id, ({ status }) => status.state === 'completed');
  const { status } = await cluster.untilTask(
    undisturbed.id,
    (task) => task.status.state === 'running',
  );
  expect(status).toMatchObject({ attempt: 1, runtimeId: undisturbed.status.runtimeId });
  await cluster.untilTask(pulling.id, (task) => task.status.reason?.code === 'image-missing');
  for (const { id } of [starting, pulling]) await cluster.client.stop(id);
  await cluster.untilTask(starting.id, (task) => task.status.state === 'completed');
  expect(await cluster.judge({ starts: await containerStarts(docker, ids, sinceMs) })).toEqual([]);
});

test('a manager that ends while clients submit ends soon, and has all that it acknowledged', async () => {
  await using cluster = await FaultCluster.start();
  let isOver = false;
  const submitAll = async () => {
    while (!isOver) await cluster.submit({ command: 'true', args: [] }).catch(() => undefined);
  };
  const submitting = Array.from({ length: 8 }, submitAll);
  await eventually('work is under way', () => cluster.acknowledged.length > 20);
  const startedAt = performance.now();
  expect(await cluster.manager.end('SIGTERM')).toBe(0);
  expect(performance.now() - startedAt).toBeLessThan(5000);
  isOver = true;
  await Promise.all(submitting);
  cluster.manager.start();
  await cluster.untilServing();
  await eventually(
    'all are done',
    async () => {
      const tasks = await Array.fromAsync(cluster.client.list());
      return tasks.every((task) => task.status.state === 'completed');
    },
    60_000,
  );
  expect(await cluster.judge()).toEqual([]);
});

test('a manager out of file descriptors recovers as soon as callers go, and loses nothing', async () => {
  await using cluster = await FaultCluster.start();
  const task = await cluster.submitRunning();
  const { pid } = cluster.manager;
  execFileSync('prlimit', ['--pid', `${pid}`, '--nofile=64:64']);
  const sockets: Socket[] = [];
  for (let count = 0; count < 200; count += 1) {
    const socket = connect(cluster.port, '127.0.0.1');
    socket.on('error', () => socket.destroy());
    socket.write(`GET /events?after=oldest HTTP/1.1\r\nHost: 127.0.0.1:${cluster.port}\r\n\r\n`);
    sockets.push(socket);
  }
  await eventually('it has no descriptor left', async () => {
    return (await readdir(`/proc/${pid}/fd`)).length >= 63;
  });
  expect(cluster.manager.isRunning).toBe(true);
  for (const socket of sockets) socket.destroy();
  const after = await eventually('it serves again', async () => {
    try {
      return await cluster.submit();
    } catch {
      return undefined;
    }
  });
  await cluster.untilTask(after.id, ({ status }) => status.state === 'running');
  expect((await cluster.client.get(task.id)).status).toMatchObject({
    attempt: 1,
    runtimeId: task.status.runtimeId,
  });
  expect(cluster.manager.pid).toBe(pid);
  expect(await cluster.judge()).toEqual([]);
});

test('a manager with few open files and a thousand watchers keeps room for the command line', async () => {
  const managerPrefix = ['prlimit', '--nofile=64:64'];
  await using cluster = await FaultCluster.start({ managerPrefix });
  const task = await cluster.submitRunning();
  const sockets: Socket[] = [];
  const replies: string[] = [];
  let endedCount = 0;
  for (let count = 0; count < 1000; count += 1) {
    const socket = connect(cluster.port, '127.0.0.1');
    socket.on('error', () => socket.destroy());
    socket.once('data', (data) => replies.push(String(data).slice(0, 12)));
    socket.once('close', () => {
      endedCount += 1;
    });
    socket.write(`GET /events?after=oldest HTTP/1.1\r\nHost: 127.0.0.1:${cluster.port}\r\n\r\n`);
    sockets.push(socket);
  }
  // A quarter of the files for connections, and three quarters of these for streams.
  await eventually('those that are too many are refused', () => endedCount === 1000 - 12);
  expect(replies.filter((reply) => reply === 'HTTP/1.1 200')).toHaveLength(12);
  expect(new Set(replies)).toEqual(new Set(['HTTP/1.1 200', 'HTTP/1.1 503']));
  const status = await cli(['status', '--manager', `127.0.0.1:${cluster.port}`]);
  expect(status.exitCode, status.stderr).toBe(0);
  expect(status.stdout).toContain(task.id.slice(0, 8));
  const more = await cluster.submitRunning();
  await cluster.client.stop(more.id);
  for (const socket of sockets) socket.destroy();
  await eventually('streams are open to others again', async () => {
    return (await cluster.countEvents('task-submitted').catch(() => 0)) === 2;
  });
  expect(await cluster.judge()).toEqual([]);
});
