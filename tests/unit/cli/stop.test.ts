import { describe, expect, test } from 'vitest';
import { cli } from '../../support/cli.ts';
import { startManagerStub } from '../../support/manager-stub.ts';
import { taskIdOf, taskReplyOf } from '../../support/task-replies.ts';

const web = taskReplyOf(
  { name: 'web', stopTimeout: '5s' },
  { id: taskIdOf(1), status: { state: 'running', attempt: 1, node: 'worker-1' } },
);
const twin = taskReplyOf(
  { name: 'web' },
  { id: taskIdOf(2), status: { state: 'running', attempt: 1, node: 'worker-1' } },
);
const done = taskReplyOf(
  { name: 'job' },
  {
    id: taskIdOf(3),
    status: {
      state: 'completed',
      attempt: 1,
      exitCode: 0,
      reason: { code: 'exited', message: 'Ended with exit code 0.' },
    },
  },
);

describe('cube stop', () => {
  test('waits until the task has ended, and tells how', async () => {
    await using manager = await startManagerStub({
      tasks: [web],
      onStop: ({ id }, stub) => {
        setImmediate(() =>
          stub.change(id, {
            state: 'completed',
            exitCode: 0,
            reason: { code: 'stopped-by-user', message: 'Stopped.' },
          }),
        );
      },
    });
    const { exitCode, stdout } = await cli(['stop', 'web', '-m', manager.url]);
    expect(stdout).toBe('web (00000001) is stopped on worker-1, exit code 0.\n');
    expect(exitCode).toBe(0);
  });

  test('tells what really happened when that is something else', async () => {
    await using manager = await startManagerStub({
      tasks: [web, done],
      onStop: ({ id }, stub) => {
        if (id !== web.id) return;
        stub.change(id, {
          state: 'completed',
          exitCode: 137,
          reason: { code: 'killed-after-timeout', message: 'Killed.' },
        });
      },
    });
    const { exitCode, stdout } = await cli(['stop', 'web', 'job', '-m', manager.url]);
    expect(stdout).toContain(
      'web (00000001) was killed on worker-1: it did not end within 5s, exit code 137.\n',
    );
    expect(stdout).toContain('job (00000003) had ended before: it completed, exit code 0.\n');
    expect(exitCode).toBe(0);
  });

  test('says that what had failed is not started again', async () => {
    const failed = { ...web.status, state: 'failed', exitCode: 3 } as const;
    const reason = { code: 'exited', message: 'Ended with exit code 3.' } as const;
    const crashed = { ...web, status: { ...failed, reason, restartDelayMs: 1000 } };
    await using manager = await startManagerStub({
      tasks: [crashed],
      onStop: ({ id }, stub) => stub.change(id, { restartDelayMs: undefined }),
    });
    const { stdout } = await cli(['stop', 'web', '-m', manager.url]);
    expect(stdout).toBe(
      'web (00000001) is not started again; it had failed on worker-1, exit code 3: Ended with exit code 3.\n',
    );
  });

  test('waits for many over one stream', async () => {
    const tasks = Array.from({ length: 150 }, (_, index) =>
      taskReplyOf(
        { name: 'many' },
        { id: taskIdOf(index + 1), status: { state: 'running', attempt: 1, node: 'worker-1' } },
      ),
    );
    await using manager = await startManagerStub({
      tasks,
      onStop: ({ id }, stub) => {
        setImmediate(() =>
          stub.change(id, {
            state: 'completed',
            exitCode: 0,
            reason: { code: 'stopped-by-user', message: 'Stopped.' },
          }),
        );
      },
    });
    const { exitCode, stdout } = await cli(['stop', '--all', 'many', '-m', manager.url]);
    expect(stdout.match(/is stopped on worker-1, exit code 0/g)?.length).toBe(150);
    expect(exitCode).toBe(0);
    const streams = manager.requests.filter(({ url }) => url.pathname === '/events');
    expect(streams.length).toBeLessThanOrEqual(1);
  });

  test('stops nothing when a name has several tasks, unless all are meant', async () => {
    await using manager = await startManagerStub({ tasks: [web, twin, done] });
    const one = await cli(['stop', 'job', 'web', '-m', manager.url]);
    expect(one.stderr).toBe(
      'cube: The name "web" fits 2 tasks: 00000001 (web, running), 00000002 (web, running). Nothing was stopped. Name one by its id, or add --all to mean every one.\n',
    );
    expect(one.exitCode).toBe(4);
    expect(manager.requests.every(({ method }) => method === 'GET')).toBe(true);
    const all = await cli(['stop', '--all', '--detach', 'web', '-m', manager.url]);
    expect(all.stdout.split('\n').sort()).toEqual([
      '',
      'web (00000001) is asked to stop.',
      'web (00000002) is asked to stop.',
    ]);
    expect(all.exitCode).toBe(0);
  });

  test('takes the beginning of an id, and names what is not there', async () => {
    await using manager = await startManagerStub({ tasks: [web, twin] });
    const some = await cli(['stop', '-d', '00000002', '-m', manager.url]);
    expect(some.stdout).toBe('web (00000002) is asked to stop.\n');
    const none = await cli(['stop', 'nothing', '-m', manager.url]);
    expect(none.stderr).toBe(
      'cube: There is no task with the name or id "nothing". "cube status --all" lists every task.\n',
    );
    expect(none.exitCode).toBe(3);
    const one = await cli(['stop', '00000002', 'nothing', '-m', manager.url]);
    expect(one.stderr).toContain(
      'or id "nothing". Nothing was stopped. "cube status --all" lists every task.\n',
    );
    const gone = await cli(['stop', taskIdOf(9), '-m', manager.url]);
    expect(gone.stderr).toContain(`There is no task ${taskIdOf(9)}.`);
    expect(gone.exitCode).toBe(3);
  });

  test('ends with 124 when --timeout is over, and says that the wish is kept', async () => {
    await using manager = await startManagerStub({ tasks: [web] });
    const { exitCode, stdout, stderr } = await cli([
      'stop',
      'web',
      '--timeout',
      '200ms',
      '-m',
      manager.url,
    ]);
    expect(stdout).toBe('');
    expect(stderr).toContain(
      'cube: web (00000001) is still running: stopping; the wish that it stops is kept.\n',
    );
    expect(exitCode).toBe(124);
  });

  test('gives programs the tasks as they are in the end', async () => {
    await using manager = await startManagerStub({ tasks: [done] });
    const { stdout } = await cli(['stop', 'job', '--json', '-m', manager.url]);
    expect(JSON.parse(stdout)).toMatchObject([{ id: done.id, status: { state: 'completed' } }]);
  });
});
