import { expect, test } from 'vitest';
import { cli } from '../../support/cli.ts';
import { startManagerStub } from '../../support/manager-stub.ts';
import { eventReplyOf, taskIdOf, taskReplyOf } from '../../support/task-replies.ts';

const events = [
  eventReplyOf({
    revision: 8,
    type: 'task-started',
    attempt: 1,
    node: 'worker-1',
    before: 'scheduled',
    after: 'running',
    status: { ports: [{ container: 80, host: 8080, protocol: 'tcp', address: '127.0.0.1' }] },
  }),
  eventReplyOf({
    revision: 9,
    type: 'task-failed',
    reason: { code: 'exited', message: 'Ended with\nexit code 3.' },
  }),
];

test('cube events prints one line for each change, and ends', async () => {
  await using manager = await startManagerStub({ events });
  const { exitCode, stdout } = await cli(['events', '-m', manager.url]);
  expect(stdout.split('\n')).toEqual([
    '     8  2026-01-02T03:04:05.000Z  task-started  00000001  #1  on worker-1  scheduled->running  127.0.0.1:8080->80/tcp',
    '     9  2026-01-02T03:04:05.000Z  task-failed  00000001  Ended with exit code 3.',
    '',
  ]);
  expect(exitCode).toBe(0);
  expect(manager.requests.at(-1)?.url.search).toBe('?after=oldest&follow=false');
});

test('cube events gives programs one JSON object a line', async () => {
  await using manager = await startManagerStub({ events });
  const { stdout } = await cli(['events', '--json', '-m', manager.url]);
  expect(
    stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line)),
  ).toEqual(events);
});

test('cube events asks for one task or node from a revision on', async () => {
  await using manager = await startManagerStub({ events, tasks: [taskReplyOf()] });
  const flags = ['--task', 'web', '--node', 'worker-1', '--after', '7'];
  await cli(['events', ...flags, '-m', manager.url]);
  expect(manager.requests.at(-1)?.url.search).toBe(
    `?after=7&follow=false&task=${taskIdOf(1)}&node=worker-1`,
  );
});

test('cube events asks for some types alone, and knows which there are', async () => {
  await using manager = await startManagerStub({ events });
  const flags = ['--type', 'task-failed,task-started', '--type', 'node-went-down'];
  await cli(['events', ...flags, '-m', manager.url]);
  expect(manager.requests.at(-1)?.url.searchParams.getAll('type')).toEqual([
    'task-failed',
    'task-started',
    'node-went-down',
  ]);
  const wrong = await cli(['events', '--type', 'task-fail', '-m', manager.url]);
  expect(wrong).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('task-failed?') });
});

test('cube events says where the log begins that is kept', async () => {
  await using manager = await startManagerStub({ events, floor: 7 });
  const told = 'cube: The log that is kept begins at 2026-01-02T03:04:05.000Z, after revision 7.\n';
  const all = await cli(['events', '-m', manager.url]);
  expect(all).toMatchObject({ exitCode: 0, stderr: told });
  const early = await cli(['events', '--since', '2026-01-01', '-m', manager.url]);
  expect(early.stderr).toBe(told);
  const late = await cli(['events', '--since', '2026-01-02T03:04:05Z', '-m', manager.url]);
  expect(late.stderr).toBe('');
});

test('cube events ends with the moment that is given', async () => {
  const later = events.map((event) =>
    event.revision === 9 ? { ...event, time: '2026-01-02T03:04:06.000Z' } : event,
  );
  await using manager = await startManagerStub({ events: later });
  for (const until of ['8', '2026-01-02T03:04:05Z']) {
    const { stdout } = await cli(['events', '--until', until, '-m', manager.url]);
    expect(stdout).toContain('task-started');
    expect(stdout).not.toContain('task-failed');
  }
  const both = await cli(['events', '--until', '8', '--follow', '-m', manager.url]);
  expect(both).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('--until') });
});

test('cube events says so when there is no such node, and never was', async () => {
  await using manager = await startManagerStub({});
  const { exitCode, stderr } = await cli(['events', '--node', 'wrk', '-m', manager.url]);
  expect(stderr).toContain('There is no node with the name "wrk".');
  expect(exitCode).toBe(3);
});

test.each(['gone', taskIdOf(9).slice(0, 8)])(
  'cube events finds those of a task that is gone by what the log has of it: %s',
  async (word) => {
    const { spec } = taskReplyOf({ name: 'gone' });
    const submitted = eventReplyOf({
      revision: 8,
      type: 'task-submitted',
      taskId: taskIdOf(9),
      spec,
    });
    await using manager = await startManagerStub({ events: [submitted] });
    const { exitCode } = await cli(['events', '--task', word, '-m', manager.url]);
    expect(exitCode).toBe(0);
    expect(manager.requests.at(-1)?.url.searchParams.get('task')).toBe(taskIdOf(9));
  },
);

test('cube events finds those of a task that is gone by its id', async () => {
  await using manager = await startManagerStub({ events });
  const { exitCode } = await cli(['events', '--task', taskIdOf(9), '-m', manager.url]);
  expect(exitCode).toBe(0);
});
