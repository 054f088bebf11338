import { describe, expect, it } from 'vitest';
import { createCubeClient } from '../../../src/client/cube-client.ts';
import { LogFeed } from '../../../src/dashboard/model/log-feed.ts';
import type { Session } from '../../../src/dashboard/model/session.ts';
import { CubeError } from '../../../src/errors/cube-error.ts';
import type { TaskState } from '../../../src/task/task-state.ts';
import { eventually } from '../../support/eventually.ts';
import { taskIdOf, taskReplyOf } from '../../support/task-replies.ts';
import { fakeDocument } from './fake-document.ts';

type Stream = readonly (string | CubeError)[];

const cut = new CubeError('unreachable', 'The connection was cut.');

/** The feed of a manager that sends these streams one after the other, and of the task's state. */
function feedOf(streams: readonly Stream[], states: readonly TaskState[]) {
  const left = [...streams];
  const leftStates = [...states];
  let askedCount = 0;
  const client = {
    ...createCubeClient({ url: 'http://127.0.0.1:1' }),
    async *logs() {
      askedCount += 1;
      for (const one of left.shift() ?? []) {
        if (one instanceof CubeError) throw one;
        yield { stream: 'stdout', text: one } as const;
      }
    },
    async get() {
      const state = leftStates.length > 1 ? leftStates.shift() : leftStates[0];
      return taskReplyOf({}, { status: { state: state ?? 'running' } });
    },
  };
  const feed = new LogFeed();
  const stop = new AbortController();
  const session: Pick<Session, 'client'> = { client };
  const document = fakeDocument();
  const done = feed.run(session, taskIdOf(1), { document, signal: stop.signal });
  return { feed, done, stop, document, askedCount: () => askedCount };
}

const textsOf = (feed: LogFeed): readonly string[] => feed.lines.value.map(({ text }) => text);

describe('the output of a task in the dashboard', () => {
  it('ends with the attempt', async () => {
    const { feed, done } = feedOf([['a', 'b']], ['completed']);
    await done;
    expect(feed.state.value).toEqual({ kind: 'ended' });
    await eventually('it is shown', () => textsOf(feed).length === 2);
  });

  it('begins again with what there is when a manager has come back, and repeats nothing', async () => {
    const { feed, done, stop } = feedOf(
      [
        ['a', 'b'],
        ['a', 'b', 'c'],
      ],
      ['running', 'completed'],
    );
    await eventually('it says that it waits', () => feed.state.value.kind === 'interrupted');
    await done;
    await eventually('it is shown', () => textsOf(feed).length === 3);
    expect(textsOf(feed)).toEqual(['a', 'b', 'c']);
    stop.abort();
  });

  it('goes on after a connection that was cut', async () => {
    const { feed, done } = feedOf(
      [
        ['a', cut],
        ['a', 'b'],
      ],
      ['completed'],
    );
    await done;
    await eventually('it is shown', () => textsOf(feed).length === 2);
    expect(textsOf(feed)).toEqual(['a', 'b']);
  });

  it('tells what no waiting mends', async () => {
    const gone = new CubeError('not-found', 'There is no such task.');
    const { feed, done } = feedOf([[gone]], ['running']);
    await done;
    expect(feed.state.value).toEqual({ kind: 'failed', error: gone });
  });

  it('is asked for only while somebody looks at the page', async () => {
    const { done, document, askedCount } = feedOf([['a'], ['a', 'b']], ['running', 'completed']);
    document.turn('hidden');
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(askedCount()).toBe(1);
    document.turn('visible');
    await done;
    expect(askedCount()).toBe(2);
  });

  it('is given up by whoever leaves the page', async () => {
    const { done, stop, askedCount } = feedOf([['a']], ['running']);
    stop.abort();
    await done;
    expect(askedCount()).toBe(1);
  });
});
