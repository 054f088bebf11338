import { expect, test } from 'vitest';
import { cli } from '../../support/cli.ts';
import { startManagerStub } from '../../support/manager-stub.ts';
import { nodeReplyOf } from '../../support/task-replies.ts';

const up = nodeReplyOf({
  stats: {
    used: { cpu: 0.25, memory: 2 * 1024 ** 3, disk: 40 * 1024 ** 3 },
    load: 0.5,
    taskCount: 2,
    time: '2026-01-02T03:05:04.000Z',
  },
});
const down = nodeReplyOf({
  name: 'worker-2',
  liveness: 'down',
  livenessSince: '2026-01-02T03:00:05.000Z',
  livenessReason: 'no heartbeat for 15s',
});

test('cube node shows liveness with its age and reason, and what is promised, used and there', async () => {
  await using manager = await startManagerStub({ nodes: [up, down] });
  const { exitCode, stdout } = await cli(['node', '-m', manager.url]);
  const lines = stdout.split('\n').map((line) => line.split(/ {2,}/));
  expect(lines[0]).toEqual([
    'NAME',
    'STATE',
    'TASKS',
    'CPU',
    'MEMORY',
    'DISK',
    'RUNTIMES',
    'ADDRESS',
  ]);
  expect(lines[1]).toEqual([
    'worker-1',
    'up',
    '2',
    '1.5/0.25/4',
    '1G/2G/8G',
    '0/40G/100G',
    '(docker) process',
    'http://127.0.0.1:5556',
  ]);
  expect(lines[2]?.slice(0, 4)).toEqual([
    'worker-2',
    'down since 5m: no heartbeat for 15s',
    '2',
    '1.5/?/4',
  ]);
  expect(exitCode).toBe(0);
});

test('cube node gives programs every node as it is', async () => {
  await using manager = await startManagerStub({ nodes: [up, down] });
  const { stdout } = await cli(['node', '--json', '-m', manager.url]);
  expect(JSON.parse(stdout)).toEqual([up, down]);
});

test('cube node says how a worker joins where there is none', async () => {
  await using manager = await startManagerStub();
  const { stdout, stderr } = await cli(['node', '-m', manager.url]);
  expect(stdout).toBe('');
  expect(stderr).toBe(`No worker has joined. Start one: cube worker --manager ${manager.url}\n`);
});

test('cube node shows one by its name', async () => {
  await using manager = await startManagerStub({ nodes: [up, down] });
  const one = await cli(['node', 'worker-2', '-m', manager.url, '--json']);
  expect(JSON.parse(one.stdout)).toEqual(down);
  const none = await cli(['node', 'worker-9', '-m', manager.url]);
  expect(none.stderr).toBe(
    'cube: There is no node with the name "worker-9". "cube node" lists them all.\n',
  );
  expect(none.exitCode).toBe(3);
});
