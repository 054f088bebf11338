import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { CubeProcess, clientOf, freePorts } from '../support/cube-process.ts';
import { eventually } from '../support/eventually.ts';
import { FaultCluster } from '../support/fault-cluster.ts';
import { removeGroupsOf } from '../support/process-leftovers.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

/** What a node's address leads to: nowhere, elsewhere, or to somebody else's worker. */

const NAME = 'worker.invalid';
const environment = { DOCKER_HOST: 'unix:///nonexistent/docker.sock', CUBE_LOG_LEVEL: 'warn' };

test('a worker whose name is not known is named, and found again at the address that it has then', async () => {
  await using stack = new AsyncDisposableStack();
  const directory = stack.use(await temporaryDirectory());
  const at = (name: string) => join(directory.path, name);
  const [port = 0, workerPort = 0] = await freePorts(2);
  const setHosts = (line: string): void =>
    writeFileSync(at('hosts'), `127.0.0.1 localhost\n${line}\n`);
  setHosts('');
  const workerAt = (host: string) => {
    const places = ['--data-dir', at('n1'), '--host', host, '--port', `${workerPort}`];
    const worker = ['worker', '--name', 'n1', ...places, '--allow-name', NAME];
    return stack.use(new CubeProcess(worker, environment));
  };
  const first = workerAt('127.0.0.2');
  first.start();
  const manager = new CubeProcess(
    [
      ...['manager', '--data-dir', at('manager'), '--port', `${port}`],
      ...['--node-timeout', '1500ms', '--workers', `${NAME}:${workerPort}`],
    ],
    environment,
    // A table of names of its own.
    ['unshare', '-m', 'sh', '-c', 'mount --bind "$0" /etc/hosts && exec "$@"', at('hosts')],
  );
  stack.use(manager).start();
  const client = await clientOf(port);
  const isUnknown = new RegExp(
    `${NAME}:${workerPort} cannot be reached: the host name (is|cannot)`,
  );
  await eventually('the name is told', () => isUnknown.test(manager.output), 30_000);

  setHosts(`127.0.0.2 ${NAME}`);
  const isUp = async () => (await client.nodes())[0]?.liveness === 'up';
  await eventually('the node is up', isUp, 30_000);
  const sleeper = { name: 'task', command: 'sleep', args: ['3600'] };
  const { task } = await client.submit({ ...sleeper, onNodeLost: 'wait' });
  const running = await eventually(
    'it runs',
    async () => {
      const { status } = await client.get(task.id);
      return status.state === 'running' ? status : undefined;
    },
    30_000,
  );

  await first.end('SIGTERM');
  setHosts('');
  await eventually(
    'the node is away, for its name is not known',
    async () => isUnknown.test((await client.nodes())[0]?.livenessReason ?? ''),
    30_000,
  );
  const second = workerAt('127.0.0.3');
  second.start();
  setHosts(`127.0.0.3 ${NAME}`);
  await eventually('the node is up at its new address', isUp, 30_000);
  await client.stop(task.id);
  const ended = await eventually(
    'it is stopped',
    async () => {
      const { status } = await client.get(task.id);
      return status.state === 'completed' ? status : undefined;
    },
    30_000,
  );
  expect(ended).toMatchObject({ attempt: running.attempt, runtimeId: running.runtimeId });
  const [node] = await client.nodes();
  await second.end('SIGTERM');
  await removeGroupsOf(node?.id ?? '');
});

test('the worker of another cluster is refused by the names of both, and keeps what it runs', async () => {
  await using cluster = await FaultCluster.start();
  await using directory = await temporaryDirectory();
  const task = await cluster.submitRunning();
  const [port = 0] = await freePorts(1);
  const workers = ['--workers', `127.0.0.1:${cluster.workerPorts[0]}`];
  await using stranger = new CubeProcess(
    ['manager', '--data-dir', directory.path, '--port', `${port}`, ...workers],
    environment,
  );
  stranger.start();
  const other = await clientOf(port);
  const [ours, theirs] = [await cluster.client.status(), await other.status()];
  const words = `Worker n1 belongs to cluster ${ours.cluster}, and this is ${theirs.cluster}`;
  await eventually('it is refused', () => stranger.output.includes(words), 30_000);
  const { task: waiting } = await other.submit({ name: 'task', command: 'true' });
  expect((await other.get(waiting.id)).status.state).toBe('pending');
  expect(await other.nodes()).toEqual([]);
  expect((await cluster.client.get(task.id)).status).toMatchObject({
    state: 'running',
    attempt: 1,
    runtimeId: task.status.runtimeId,
  });
  expect(await cluster.judge()).toEqual([]);
});
