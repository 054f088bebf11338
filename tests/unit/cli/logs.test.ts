import { expect, test } from 'vitest';
import { cli } from '../../support/cli.ts';
import { startManagerStub } from '../../support/manager-stub.ts';
import { taskIdOf, taskReplyOf } from '../../support/task-replies.ts';

const lines = [
  { stream: 'stdout', text: 'out \u001b[31mred\u001b[0m' },
  { stream: 'stderr', text: 'err' },
] as const;
const logs = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
const tasks = [taskReplyOf({ name: 'web' })];

test('cube logs keeps the two outputs of a task apart, and hands them on untouched', async () => {
  await using manager = await startManagerStub({ tasks, logs });
  const { exitCode, stdout, stderr } = await cli(['logs', 'web', '-m', manager.url]);
  expect(stdout).toBe('out \u001b[31mred\u001b[0m\n');
  expect(stderr).toBe('err\n');
  expect(exitCode).toBe(0);
});

test('cube logs leaves control sequences out on a terminal unless told otherwise', async () => {
  await using manager = await startManagerStub({ tasks, logs });
  const plain = await cli(['logs', 'web', '-m', manager.url], { columns: 80 });
  expect(plain.stdout).toBe('out red\n');
  const raw = await cli(['logs', '--raw', 'web', '-m', manager.url], { columns: 80 });
  expect(raw.stdout).toBe('out \u001b[31mred\u001b[0m\n');
});

test('cube logs asks for the tail and to follow', async () => {
  const ended = [taskReplyOf({}, { status: { state: 'completed' } })];
  await using manager = await startManagerStub({ tasks: ended, logs });
  await cli(['logs', '-f', '--tail', '20', taskIdOf(1), '-m', manager.url]);
  const request = manager.requests.find(({ url }) => url.pathname.endsWith('/logs'));
  expect(`${request?.url.pathname}${request?.url.search}`).toBe(
    `/tasks/${taskIdOf(1)}/logs?follow=true&tail=20`,
  );
});

test('cube logs gives programs one JSON object a line', async () => {
  await using manager = await startManagerStub({ tasks, logs });
  const { stdout, stderr } = await cli(['logs', '--json', 'web', '-m', manager.url]);
  expect(stdout).toBe(logs);
  expect(stderr).toBe('');
});

test('cube logs lets no output command the terminal as JSON either', async () => {
  const line = { stream: 'stdout', text: 'a\u009b1mb\u2028c\u202ed\u001b[2Je\u007f' };
  await using manager = await startManagerStub({ tasks, logs: `${JSON.stringify(line)}\n` });
  const { stdout } = await cli(['logs', '--json', 'web', '-m', manager.url], { columns: 80 });
  expect(stdout).toMatch(/^[ -~]*\n$/);
  expect(JSON.parse(stdout)).toEqual(line);
});

test('cube logs refuses to guess between tasks of one name', async () => {
  const twins = [taskReplyOf(), taskReplyOf({}, { id: taskIdOf(2) })];
  await using manager = await startManagerStub({ tasks: twins, logs });
  const { exitCode, stderr } = await cli(['logs', 'web', '-m', manager.url]);
  expect(stderr).toContain(
    'The name "web" fits 2 tasks: 00000001 (web, pending), 00000002 (web, pending).',
  );
  expect(exitCode).toBe(4);
});

test('cube logs takes the unfinished one of several tasks of one name', async () => {
  const tasksOfOneName = [
    taskReplyOf(),
    taskReplyOf({}, { id: taskIdOf(2), status: { state: 'completed' } }),
  ];
  await using manager = await startManagerStub({ tasks: tasksOfOneName, logs });
  await cli(['logs', 'web', '-m', manager.url]);
  expect(manager.requests.at(-1)?.url.pathname).toBe(`/tasks/${taskIdOf(1)}/logs`);
});
