import { describe, expect, test } from 'vitest';
import { cli } from '../../support/cli.ts';
import { startManagerStub } from '../../support/manager-stub.ts';
import { taskIdOf, taskReplyOf } from '../../support/task-replies.ts';

const running = taskReplyOf(
  { name: 'web', image: 'nginx', ports: [{ container: 80 }] },
  {
    id: taskIdOf(1),
    status: {
      state: 'running',
      attempt: 2,
      restartCount: 1,
      node: 'worker-1',
      health: 'healthy',
      ports: [{ container: 80, host: 8080, protocol: 'tcp', address: '127.0.0.1' }],
    },
  },
);
const waiting = taskReplyOf(
  { name: 'big' },
  {
    id: taskIdOf(2),
    status: { reason: { code: 'no-node-fits', message: 'Needs 64 cores, at most 4 are free.' } },
  },
);
const again = taskReplyOf(
  { name: 'shaky' },
  {
    id: taskIdOf(3),
    status: {
      state: 'failed',
      node: 'worker-1',
      exitCode: 3,
      reason: { code: 'exited', message: 'Ended with exit code 3.' },
      finishedAt: '2026-01-02T03:05:00.000Z',
      restartDelayMs: 8000,
    },
  },
);
const silent = taskReplyOf(
  { name: 'far' },
  {
    id: taskIdOf(4),
    observedAt: '2026-01-02T03:02:05.000Z',
    status: { state: 'running', node: 'worker-2' },
  },
);
const stopping = taskReplyOf(
  { name: 'old' },
  { id: taskIdOf(5), status: { state: 'running', desired: 'stopped', node: 'worker-1' } },
);

describe('cube status', () => {
  test('shows what runs, what waits for what, and what is not known', async () => {
    await using manager = await startManagerStub({
      tasks: [running, waiting, again, silent, stopping],
    });
    const { exitCode, stdout, stderr } = await cli(['status', '-m', manager.url]);
    expect(stdout.split('\n')).toEqual(
      [
        'ID        NAME   STATE                                         NODE      PORTS                     RESTARTS  AGE',
        '00000001  web    running (healthy)                             worker-1  127.0.0.1:8080->80/tcp           1  60s',
        '00000002  big    pending: Needs 64 cores, at most 4 are free   -         -                                0  60s',
        '00000003  shaky  failed: exit code 3, restart in 3s            worker-1  -                                0  60s',
        '00000004  far    unknown since 3m                              worker-2  -                                0  60s',
        '00000005  old    running: stopping                             worker-1  -                                0  60s',
        '',
      ].map((line) => expect.stringMatching(pattern(line))),
    );
    expect(stderr).toBe('');
    expect(exitCode).toBe(0);
  });

  test('fits a narrow terminal', async () => {
    await using manager = await startManagerStub({ tasks: [waiting] });
    const { stdout } = await cli(['status', '-m', manager.url], { columns: 70 });
    for (const line of stdout.trimEnd().split('\n')) expect(line.length).toBeLessThanOrEqual(70);
    expect(stdout).toContain('…');
  });

  test('gives programs every task as it is', async () => {
    await using manager = await startManagerStub({ tasks: [running, waiting] });
    const { stdout } = await cli(['status', '--json', '-m', manager.url]);
    expect(JSON.parse(stdout)).toEqual([running, waiting]);
  });

  test('shows one task by name, id, or the beginning of its id', async () => {
    await using manager = await startManagerStub({ tasks: [running, waiting] });
    for (const word of ['big', taskIdOf(2), '00000002', taskIdOf(2).toUpperCase()]) {
      const { stdout } = await cli(['status', word, '-m', manager.url, '--json']);
      expect(JSON.parse(stdout)).toEqual(waiting);
    }
  });

  test('refuses the beginning of an id that is not unique, and one that is too short', async () => {
    await using manager = await startManagerStub({ tasks: [running, waiting] });
    const several = await cli(['status', '0000', '-m', manager.url]);
    expect(several.stderr).toBe(
      'cube: The beginning "0000" of an id fits 2 tasks: 00000001 (web, running), 00000002 (big, pending). Name one by its id.\n',
    );
    expect(several.exitCode).toBe(4);
    const short = await cli(['status', '000', '-m', manager.url]);
    expect(short.stderr).toContain('There is no task with the name or id "000".');
    expect(short.exitCode).toBe(3);
  });

  test('asks the manager for what the flags say', async () => {
    await using manager = await startManagerStub({ tasks: [running, waiting] });
    const flags = ['--state', 'running,failed', '--node', 'worker-1', '--label', 'a=b=c'];
    const { stdout } = await cli(['status', '-m', manager.url, ...flags]);
    expect(stdout).toContain('web');
    expect(stdout).not.toContain('big');
    expect(manager.requests[0]?.url.search).toBe(
      '?state=running&state=failed&node=worker-1&label=a%3Db%3Dc&limit=500',
    );
  });

  test('hides all but the newest of the tasks that have ended, and says so', async () => {
    const ended = Array.from({ length: 25 }, (_, index) =>
      taskReplyOf(
        { name: `old-${index}` },
        {
          id: taskIdOf(100 + index),
          status: { state: 'completed', reason: { code: 'exited', message: 'Done.' } },
        },
      ),
    );
    await using manager = await startManagerStub({ tasks: [running, ...ended] });
    const some = await cli(['status', '-m', manager.url]);
    expect(some.stdout.split('\n')).toHaveLength(1 + 1 + 20 + 1);
    expect(some.stdout).toContain('old-24');
    expect(some.stderr).toBe('5 more have ended: "cube status --all" shows them.\n');
    const all = await cli(['status', '--all', '-m', manager.url]);
    expect(all.stdout).toContain('old-0 ');
    expect(all.stderr).toBe('');
  });

  test('says how to begin where there are no tasks', async () => {
    await using manager = await startManagerStub();
    const { exitCode, stdout, stderr } = await cli(['status', '-m', manager.url]);
    expect(stdout).toBe('');
    expect(stderr).toBe('No tasks. Run one: cube run --name job -- sleep 600\n');
    expect(exitCode).toBe(0);
    expect((await cli(['status', '--json', '-m', manager.url])).stdout).toBe('[]\n');
  });
});

/** The line, whatever the number of spaces between its columns. */
function pattern(line: string): RegExp {
  const escaped = line.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replace(/ {2,}/g, ' {2,}')}$`);
}
