import { expect, test } from 'vitest';
import { cli } from '../../support/cli.ts';
import { startManagerStub } from '../../support/manager-stub.ts';
import { nodeReplyOf, taskIdOf, taskReplyOf } from '../../support/task-replies.ts';

const failed = taskReplyOf(
  { name: 'job', env: { KEY: { secret: '***' } }, restart: 'never' },
  {
    status: {
      state: 'failed',
      attempt: 1,
      node: 'worker-1',
      runtimeId: '4711',
      exitCode: 3,
      reason: { code: 'exited', message: 'Ended with exit code 3.' },
      output: 'one\ntwo \u001b[31mred\u001b[0m\n',
      startedAt: '2026-01-02T03:04:55.000Z',
      finishedAt: '2026-01-02T03:05:00.000Z',
    },
  },
);

test('cube inspect tells of a failed task why, with exit code and last output', async () => {
  await using manager = await startManagerStub({ tasks: [failed] });
  const { exitCode, stdout } = await cli(['inspect', 'job', '-m', manager.url]);
  expect(exitCode).toBe(0);
  for (const line of [
    `Task:        ${taskIdOf(1)}`,
    'State:       failed: exit code 3',
    'Reason:      Ended with exit code 3.',
    'Exit code:   3',
    'Runtime:     process 4711',
    'Ended:       2026-01-02T03:05:00.000Z (5s ago)',
    'Last output:\n  one\n  two red\nSpec:',
    '"secret": "***"',
  ]) {
    expect(stdout).toContain(line);
  }
});

test('cube inspect tells of a node, with the reason why a runtime is not there', async () => {
  await using manager = await startManagerStub({
    nodes: [nodeReplyOf({ labels: { zone: 'eu' } })],
  });
  const { stdout } = await cli(['inspect', 'worker-1', '-m', manager.url]);
  for (const line of [
    'Node:        worker-1',
    'CPU:         4 cores, promised 1.5',
    'Memory:      8 GiB, promised 1 GiB',
    'Labels:      zone=eu',
    '  docker: not available. No Docker Engine answers.',
    '  process: available linux',
  ]) {
    expect(stdout).toContain(line);
  }
});

test('cube inspect gives programs the whole, and says when there is neither', async () => {
  await using manager = await startManagerStub({ tasks: [failed], nodes: [nodeReplyOf()] });
  const task = await cli(['inspect', 'job', '--json', '-m', manager.url]);
  expect(JSON.parse(task.stdout)).toEqual(failed);
  const node = await cli(['inspect', 'worker-1', '--json', '-m', manager.url]);
  expect(JSON.parse(node.stdout)).toEqual(nodeReplyOf());
  const none = await cli(['inspect', 'nothing', '-m', manager.url]);
  expect(none.stderr).toContain('There is no task with the name or id "nothing".');
  expect(none.exitCode).toBe(3);
});
