import { describe, expect, it } from 'vitest';
import { type FollowLogsOptions, followLogs } from '../../../src/cli/follow-logs.ts';
import { CubeError } from '../../../src/errors/cube-error.ts';
import type { LogOptions } from '../../../src/link/protocol.ts';
import { VirtualClock } from '../../../src/simulation/virtual-clock.ts';
import type { TaskStatus } from '../../../src/task/task-status.ts';
import { taskIdOf, taskReplyOf } from '../../support/task-replies.ts';

const cut = new CubeError('unreachable', 'The connection was cut.');
const running = (attempt: number): Partial<TaskStatus> => ({
  state: 'running',
  attempt,
  node: 'n1',
});
const waiting: Partial<TaskStatus> = {
  state: 'failed',
  attempt: 1,
  exitCode: 1,
  reason: { code: 'exited', message: 'It ended with exit code 1.' },
  finishedAt: '2026-01-02T03:04:05.000Z',
  restartDelayMs: 5000,
};
const completed = (attempt: number): Partial<TaskStatus> => ({ state: 'completed', attempt });

/** What is followed when the manager answers so, the last of each for good. */
async function follow(script: {
  readonly streams: readonly (readonly [...string[], CubeError] | readonly string[])[];
  readonly looks: readonly (Partial<TaskStatus> | CubeError)[];
  readonly tail?: number;
}) {
  const clock = new VirtualClock();
  const asked: Partial<LogOptions>[] = [];
  const notes: string[] = [];
  const streams = [...script.streams];
  const looks = [...script.looks];
  const client: FollowLogsOptions['client'] = {
    async *logs(_id, options = {}) {
      asked.push(options);
      for (const one of streams.shift() ?? []) {
        if (one instanceof CubeError) throw one;
        yield { stream: 'stdout', text: one };
      }
    },
    async get() {
      const look = looks.length > 1 ? looks.shift() : looks[0];
      if (look instanceof CubeError) throw look;
      return taskReplyOf({ name: 'web' }, { id: taskIdOf(1), status: look ?? {} });
    },
  };
  const lines: string[] = [];
  const done = (async () => {
    const task = taskReplyOf({ name: 'web' }, { id: taskIdOf(1), status: running(1) });
    const options = {
      client,
      clock,
      tail: script.tail,
      note: async (text: string) => void notes.push(text),
    };
    for await (const { text } of followLogs(task, options)) lines.push(text);
  })();
  let isOver = false;
  const over = done.finally(() => {
    isOver = true;
  });
  over.catch(() => undefined);
  for (let count = 0; count < 100 && !isOver; count += 1) await clock.advance(1000);
  await over;
  return { lines, notes, asked };
}

describe('cube logs --follow', () => {
  it('ends with a task that has ended for good, without a word', async () => {
    const seen = await follow({
      streams: [['a', 'b']],
      looks: [running(1), completed(1)],
      tail: 5,
    });
    expect(seen).toEqual({ lines: ['a', 'b'], notes: [], asked: [{ follow: true, tail: 5 }] });
  });

  it('goes on with the next attempt, from its beginning, and says so once', async () => {
    const { lines, notes, asked } = await follow({
      streams: [['a'], ['b']],
      looks: [running(1), waiting, waiting, waiting, running(2), completed(2)],
      tail: 5,
    });
    expect(lines).toEqual(['a', 'b']);
    expect(notes).toEqual([
      expect.stringMatching(/^web is failed: .*Waiting …$/),
      'web is at attempt 2, on n1.',
    ]);
    expect(asked).toEqual([{ follow: true, tail: 5 }, { follow: true }]);
  });

  it('goes on where the connection is cut, and says what it goes on with', async () => {
    const { lines, notes, asked } = await follow({
      streams: [['a', cut], [cut], ['b']],
      looks: [...Array(20).fill(running(1)), completed(1)],
    });
    expect(lines).toEqual(['a', 'b']);
    expect(notes[0]).toBe('The connection was cut.');
    expect(notes[1]).toBe('Going on with what web writes from now on.');
    expect(asked.slice(1)).toEqual(asked.slice(1).map(() => ({ follow: true, tail: 0 })));
  });

  it('waits for a manager that is away', async () => {
    const { notes } = await follow({ streams: [['a', cut]], looks: [cut, cut, completed(1)] });
    const more = `web has ended meanwhile: "cube logs ${taskIdOf(1).slice(0, 8)}" has all that it wrote.`;
    expect(notes).toEqual(['The connection was cut.', more]);
  });

  it('is refused at once when there is nothing to read', async () => {
    const none = new CubeError('not-found', 'It has not run yet.');
    await expect(follow({ streams: [[none]], looks: [running(1)] })).rejects.toBe(none);
  });
});
