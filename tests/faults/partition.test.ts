import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { CubeClient, SubmissionInput } from '../../src/client/cube-client.ts';
import type { TaskReply } from '../../src/link/replies.ts';
import type { Liveness } from '../../src/node/node.ts';
import { CubeProcess, clientOf, freePorts, isAlive } from '../support/cube-process.ts';
import { eventually } from '../support/eventually.ts';
import { judgeHistory } from '../support/judge-history.ts';
import { killNoted, notedStarts } from '../support/kill-run.ts';
import { isLong, tell } from '../support/long-run.ts';
import { type Namespace, openNamespace } from '../support/namespace.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

/** A manager, and two workers in networks of their own, whose cables are cut. */

const NODE_TIMEOUT_MS = 1500;
const TOKEN = 'a-token-for-the-test-of-partitions';
const WORKER_PORT = 5556;

interface Partitioned extends AsyncDisposable {
  readonly client: CubeClient;
  readonly networks: readonly Namespace[];
  readonly notes: string;
  /** The network of that node. */
  networkOf(node: string | undefined): Namespace;
  untilNode(name: string, liveness: Liveness): Promise<void>;
  submitRunning(spec: Partial<SubmissionInput> & { readonly name: string }): Promise<TaskReply>;
  untilTask(id: string, fits: (status: TaskReply['status']) => boolean): Promise<TaskReply>;
  pid(id: string, attempt: number): Promise<number>;
  judge(): Promise<readonly string[]>;
}

async function openPartitioned(nodeTimeoutMs = NODE_TIMEOUT_MS): Promise<Partitioned> {
  await using opening = new AsyncDisposableStack();
  const partitioned = await open(opening, nodeTimeoutMs);
  const stack = opening.move();
  return { ...partitioned, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

/** What it opens is let go with the stack. */
async function open(
  stack: AsyncDisposableStack,
  nodeTimeoutMs: number,
): Promise<Omit<Partitioned, typeof Symbol.asyncDispose>> {
  const directory = stack.use(await temporaryDirectory());
  const at = (name: string) => join(directory.path, name);
  const notes = at('starts');
  writeFileSync(notes, '');
  writeFileSync(at('token'), TOKEN, { mode: 0o600 });
  stack.defer(() => killNoted(notes));
  const networks = [stack.use(openNamespace()), stack.use(openNamespace())];
  const [port = 0] = await freePorts(1);
  const environment = {
    DOCKER_HOST: 'unix:///nonexistent/docker.sock',
    CUBE_LOG_LEVEL: 'warn',
  };
  const shared = ['--token-file', at('token'), '--host', '0.0.0.0'];
  const flags = ['--node-timeout', `${nodeTimeoutMs}ms`, '--allow-remote-process'];
  const names = networks.flatMap(({ hostAddress }) => ['--allow-name', hostAddress]);
  const manager = new CubeProcess(
    ['manager', ...shared, ...flags, ...names, '--data-dir', at('manager'), '--port', `${port}`],
    environment,
  );
  stack.use(manager).start();
  const client = await clientOf(port, TOKEN).catch((cause: unknown) => {
    throw new Error(manager.output, { cause });
  });
  networks.forEach(({ prefix, address, hostAddress }, index) => {
    const name = `n${index + 1}`;
    const places = ['--name', name, '--data-dir', at(name), '--port', `${WORKER_PORT}`];
    const links = [
      ...['--manager', `http://${hostAddress}:${port}`],
      ...['--advertise', `http://${address}:${WORKER_PORT}`],
      ...['--allow-name', address, '--allow-remote-process'],
    ];
    const worker = new CubeProcess(['worker', ...shared, ...places, ...links], environment, prefix);
    stack.use(worker).start();
  });
  const partitioned: Omit<Partitioned, typeof Symbol.asyncDispose> = {
    client,
    networks,
    notes,
    networkOf(node) {
      const network = networks[Number(node?.slice(1)) - 1];
      if (network === undefined) throw new Error(`There is no network of ${node}.`);
      return network;
    },
    async untilNode(name, liveness) {
      await eventually(
        `node ${name} is ${liveness}`,
        async () =>
          (await client.nodes()).some((node) => node.name === name && node.liveness === liveness),
        30_000,
      );
    },
    async submitRunning(spec) {
      const script = `echo "$CUBE_TASK_ID/$CUBE_ATTEMPT $$" >> ${notes}; exec sleep 3600`;
      const program = { command: 'sh', args: ['-c', script], stopTimeout: '1s' };
      const { task } = await client.submit({ ...program, ...spec });
      const running = await partitioned.untilTask(task.id, ({ state }) => state === 'running');
      await partitioned.pid(task.id, 1);
      return running;
    },
    untilTask: (id, fits) =>
      eventually(
        `task ${id} is as wanted`,
        async () => {
          const task = await client.get(id);
          return fits(task.status) ? task : undefined;
        },
        30_000,
      ),
    pid: (id, attempt) =>
      eventually(`attempt ${attempt} of ${id} has noted itself`, async () => {
        const noted = await notedStarts(notes);
        return noted.find((one) => one.attempt === `${id}/${attempt}`)?.pid;
      }),
    judge: async () => {
      const starts = (await notedStarts(notes)).map(({ attempt }) => attempt);
      return await judgeHistory(client, { starts });
    },
  };
  await partitioned.untilNode('n1', 'up');
  await partitioned.untilNode('n2', 'up');
  return partitioned;
}

const rounds = isLong ? 10 : 1;
const directions = ['both', 'in', 'out'] as const;

test('a node cut off for longer than its time-out, both ways or one way, is replaced or waited for', async () => {
  await using cluster = await openPartitioned();
  for (let round = 0; round < rounds; round += 1) {
    for (const direction of directions) {
      const replaced = await cluster.submitRunning({ name: 'replaced', onNodeLost: 'replace' });
      const { node = '' } = replaced.status;
      const waiting = await cluster.submitRunning({
        name: 'waiting',
        onNodeLost: 'wait',
        constraints: [`node.name == ${node}`],
      });
      const network = cluster.networkOf(node);
      network.drop(direction);
      await cluster.untilNode(node, 'down');
      const moved = await cluster.untilTask(
        replaced.id,
        ({ state, attempt }) => state === 'running' && attempt === 2,
      );
      expect(moved.status.node, direction).not.toBe(node);
      const [older, newer] = [await cluster.pid(replaced.id, 1), await cluster.pid(replaced.id, 2)];
      expect([await isAlive(older), await isAlive(newer)], direction).toEqual([true, true]);
      network.heal();
      await cluster.untilNode(node, 'up');
      await eventually('the older attempt is stopped', async () => !(await isAlive(older)));
      expect(await isAlive(newer), direction).toBe(true);
      // What waits for its node ran on there all the time.
      const { status } = await cluster.untilTask(waiting.id, ({ state }) => state === 'running');
      expect(status, direction).toMatchObject({ attempt: 1, runtimeId: waiting.status.runtimeId });
      for (const { id } of [replaced, waiting]) {
        await cluster.client.stop(id);
        await cluster.untilTask(id, ({ state }) => state === 'completed');
      }
    }
  }
  expect(await cluster.judge()).toEqual([]);
  tell({ partitions: rounds * directions.length });
}, 600_000);

test('a cut shorter than the time-out changes nothing', async () => {
  // Long enough that what is sent again after the cut comes in time on a busy machine too.
  await using cluster = await openPartitioned(4 * NODE_TIMEOUT_MS);
  const task = await cluster.submitRunning({ name: 'task', onNodeLost: 'replace' });
  const network = cluster.networkOf(task.status.node);
  for (let round = 0; round < rounds; round += 1) {
    for (const direction of directions) {
      network.drop(direction);
      await pause(2 * NODE_TIMEOUT_MS);
      network.heal();
      await cluster.untilNode(task.status.node ?? '', 'up');
    }
  }
  const downs = await Array.fromAsync(
    cluster.client.events({ follow: false, types: ['node-went-down'] }),
  );
  expect(downs).toEqual([]);
  expect((await cluster.client.get(task.id)).status).toMatchObject({
    attempt: 1,
    runtimeId: task.status.runtimeId,
  });
  expect(await cluster.judge()).toEqual([]);
  tell({ partitions: rounds * directions.length });
}, 600_000);

test('a cable that flaps makes no storm: a task moves at most once for each time its node went down', async () => {
  await using cluster = await openPartitioned();
  const task = await cluster.submitRunning({ name: 'task', onNodeLost: 'replace' });
  const [network] = cluster.networks;
  const flaps = isLong ? 20 : 2;
  for (let flap = 0; flap < flaps; flap += 1) {
    network?.drop('both');
    await pause(2 * NODE_TIMEOUT_MS);
    network?.heal();
    await pause(NODE_TIMEOUT_MS);
  }
  await cluster.untilNode('n1', 'up');
  const { status } = await cluster.untilTask(task.id, ({ state }) => state === 'running');
  const events = await Array.fromAsync(cluster.client.events({ follow: false }));
  const downs = events.filter(({ type }) => type === 'node-went-down');
  expect(downs.length).toBeLessThanOrEqual(flaps);
  expect(status.attempt).toBeLessThanOrEqual(1 + downs.length);
  const current = await cluster.pid(task.id, status.attempt);
  await eventually('only the newest attempt runs', async () => {
    const noted = await notedStarts(cluster.notes);
    const alive = [];
    for (const { pid } of noted) if (await isAlive(pid)) alive.push(pid);
    return alive.length === 1 && alive[0] === current;
  });
  expect(await cluster.judge()).toEqual([]);
  tell({ partitions: flaps });
}, 600_000);

test('a network that loses a third of its packets slows work, and breaks nothing', async () => {
  await using cluster = await openPartitioned();
  for (const network of cluster.networks) network.drop('both', 0.3);
  const tasks = [];
  for (let count = 0; count < 5; count += 1) {
    const command = { command: 'sh', args: ['-c', 'exit 0'] };
    tasks.push(
      (
        await cluster.client.submit({
          name: 'job',
          restart: 'on-failure',
          onNodeLost: 'wait',
          ...command,
        })
      ).task,
    );
  }
  await pause(isLong ? 60_000 : 3000);
  for (const network of cluster.networks) network.heal();
  for (const { id } of tasks) {
    const { status } = await cluster.untilTask(id, ({ state }) => state === 'completed');
    expect(status.exitCode).toBe(0);
  }
  expect(await cluster.judge()).toEqual([]);
}, 600_000);

test('a manager whose name cannot be found is named in what the worker says, and it keeps trying', async () => {
  await using directory = await temporaryDirectory();
  const [port = 0] = await freePorts(1);
  await using worker = new CubeProcess(
    [
      'worker',
      '--data-dir',
      directory.path,
      '--port',
      `${port}`,
      '--manager',
      'http://no-such-host.invalid:5555',
    ],
    { DOCKER_HOST: 'unix:///nonexistent/docker.sock' },
  );
  worker.start();
  await eventually('the name is told', () => worker.output.includes('no-such-host.invalid'));
  expect(worker.isRunning).toBe(true);
  const reply = await fetch(`http://127.0.0.1:${port}/tasks`);
  expect(reply.status).toBe(200);
});
