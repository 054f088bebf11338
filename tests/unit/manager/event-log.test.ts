import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CubeEvent } from '../../../src/event/event.ts';
import { eachEvent } from '../../../src/event/event-feed.ts';
import { type EventFilter, isWanted } from '../../../src/event/event-filter.ts';
import { ClusterState } from '../../../src/manager/cluster-state.ts';
import { EventLog } from '../../../src/manager/event-log.ts';
import { drain } from '../../../src/simulation/virtual-clock.ts';
import { taskId } from '../../support/cluster.ts';

function event(revision: number): CubeEvent {
  return {
    revision,
    id: taskId(revision),
    time: '2030-01-01T00:00:00.000Z',
    type: 'manager-started',
    cause: 'test',
    correlationId: 'test',
    actor: 'test',
  };
}

/** A log of which the first `old` events are only in the store. */
function makeLog(old: number, floor = 0) {
  const stored = Array.from({ length: old - floor }, (_, index) => event(floor + index + 1));
  const state = new ClusterState();
  state.restore({ revision: old, floor, tasks: [], nodes: [], prunedIds: [] });
  const log = new EventLog(state, {
    events: async (after, limit) =>
      stored.filter(({ revision }) => revision > after).slice(0, Math.min(limit, 3)),
  });
  let revision = old;
  const publish = (count: number): void => {
    const group = Array.from({ length: count }, () => event(++revision));
    stored.push(...group);
    for (const one of group) state.apply({ event: one });
    log.publish(group);
  };
  const prune = (newFloor: number): void => {
    const one: CubeEvent = { ...event(++revision), type: 'events-pruned', floor: newFloor };
    stored.splice(0, newFloor, one);
    state.apply({ event: one });
    log.publish([one]);
  };
  return { log, publish, prune };
}

function follow(log: EventLog, after: number) {
  const seen: number[] = [];
  const abort = new AbortController();
  const done = (async () => {
    const feed = log.follow({ after, signal: abort.signal });
    for await (const { revision } of eachEvent(feed)) seen.push(revision);
  })();
  return { seen, done, abort };
}

describe('event log', () => {
  it('gives old events from the store and new ones as they come, without gap or repeat', async () => {
    const { log, publish } = makeLog(10);
    const follower = follow(log, 2);
    await drain();
    publish(2);
    await drain();
    publish(1);
    await drain();
    expect(follower.seen).toEqual([3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]);
    follower.abort.abort();
    await follower.done;
  });

  it('does not miss what is published between a look and the sleep', async () => {
    const { log, publish } = makeLog(0);
    const follower = follow(log, 0);
    await Promise.resolve();
    publish(1);
    await drain();
    expect(follower.seen).toEqual([1]);
    follower.abort.abort();
    await follower.done;
  });

  it('gives nothing from before the revision that was named, also when that is yet to come', async () => {
    const { log, publish } = makeLog(2);
    const follower = follow(log, 4);
    await drain();
    publish(1);
    await drain();
    publish(3);
    await drain();
    expect(follower.seen).toEqual([5, 6]);
    follower.abort.abort();
    await follower.done;
  });

  it('says that events are gone when asked from before the floor', async () => {
    const { log } = makeLog(10, 5);
    await expect(follow(log, 4).done).rejects.toMatchObject({ code: 'pruned' });
    const follower = follow(log, 5);
    await drain();
    expect(follower.seen).toEqual([6, 7, 8, 9, 10]);
    follower.abort.abort();
    await follower.done;
  });

  it('forgets what was pruned, and gives the rest without a gap', async () => {
    const { log, publish, prune } = makeLog(0);
    publish(5);
    const follower = follow(log, 4);
    await drain();
    prune(3);
    await drain();
    const read = async (after: number): Promise<readonly number[]> =>
      (await log.read(after, 10)).map(({ revision }) => revision);
    expect(await read(3)).toEqual([4, 5, 6]);
    expect(await read(5)).toEqual([6]);
    await expect(read(2)).rejects.toMatchObject({ code: 'pruned' });
    prune(6);
    publish(1);
    expect(await read(6)).toEqual([7, 8]);
    await drain();
    expect(follower.seen).toEqual([5, 6, 7, 8]);
    follower.abort.abort();
    await follower.done;
  });

  it('ends its followers when it closes', async () => {
    const { log } = makeLog(2);
    const follower = follow(log, 2);
    await drain();
    log.close();
    await follower.done;
    expect(follower.seen).toEqual([]);
  });

  it('leaves no gap unsaid where events are pruned while the store is asked', async () => {
    const state = new ClusterState();
    state.restore({ revision: 9, floor: 0, tasks: [], nodes: [], prunedIds: [] });
    const log = new EventLog(state, { events: async () => [event(5), event(6)] });
    await expect(log.read(2, 10)).rejects.toMatchObject({ code: 'pruned' });
    await expect(log.read(4, 10)).resolves.toHaveLength(2);
  });
});

const tasks = [taskId(1), taskId(2)];

const eventPart = fc.record(
  {
    type: fc.constantFrom('task-started' as const, 'task-failed' as const, 'node-joined' as const),
    taskId: fc.constantFrom(...tasks),
    node: fc.constantFrom('a', 'b'),
  },
  { requiredKeys: ['type'] },
);

const eventFilter = fc.record(
  {
    task: fc.constantFrom(...tasks),
    node: fc.constantFrom('a', 'b'),
    types: fc.uniqueArray(fc.constantFrom('task-started' as const, 'task-failed' as const)),
  },
  { requiredKeys: [] },
);

/** Several events published together, a pause in which everybody reads, or somebody who begins. */
const happening = fc.oneof(
  fc.record({ publish: fc.array(eventPart, { minLength: 1, maxLength: 4 }) }),
  fc.constant({ pause: true as const }),
  fc.record({ filter: eventFilter, after: fc.double({ min: 0, max: 1, noNaN: true }) }),
);

/** Events of any task and node, in a log whose state and store have them too. */
function makeBusyLog() {
  const all: CubeEvent[] = [];
  const state = new ClusterState();
  const log = new EventLog(state, {
    events: async (after, limit) => all.slice(after, after + Math.min(limit, 3)),
  });
  const publish = (parts: readonly Partial<CubeEvent>[]): void => {
    const group = parts.map((part, index) => ({ ...event(all.length + index + 1), ...part }));
    all.push(...group);
    // What becomes of tasks and nodes is not the log's business.
    for (const { revision, floor } of group) {
      const told = floor === undefined ? event(revision) : { ...event(revision), floor };
      state.apply({ event: told });
    }
    log.publish(group);
  };
  return { log, all, publish };
}

function followSome(log: EventLog, after: number, filter: EventFilter) {
  const seen: number[] = [];
  const abort = new AbortController();
  const feed = log.follow({ after, filter, signal: abort.signal });
  const done = (async () => {
    for await (const { revision } of eachEvent(feed)) seen.push(revision);
  })();
  return { seen, feed, filter, after, done, abort };
}

describe('a follower with a filter', () => {
  it('is given just what it lets through, in order, whenever it begins and reads', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(happening, { maxLength: 30 }), async (happenings) => {
        const { log, all, publish } = makeBusyLog();
        const followers: ReturnType<typeof followSome>[] = [];
        const wantedBy = ({ filter, after }: (typeof followers)[number]): readonly number[] =>
          all
            .filter((one) => one.revision > after && isWanted(one, filter))
            .map(({ revision }) => revision);
        for (const one of [...happenings, { pause: true as const }]) {
          if ('publish' in one) publish(one.publish);
          if ('after' in one) {
            const after = Math.round(one.after * all.length);
            followers.push(followSome(log, after, one.filter));
          }
          // Never does the place from which one would resume pass over what was not given.
          for (const follower of followers) {
            const { position } = follower.feed;
            const passed = wantedBy(follower).filter((revision) => revision <= position);
            expect(follower.seen.slice(0, passed.length)).toEqual(passed);
          }
          if (!('pause' in one)) continue;
          await drain();
          for (const follower of followers) {
            expect(follower.seen).toEqual(wantedBy(follower));
            expect(follower.feed.position).toBe(all.length);
          }
        }
        for (const { abort } of followers) abort.abort();
        await Promise.all(followers.map(({ done }) => done));
      }),
      { numRuns: 200 },
    );
  });

  it('sleeps on while what it does not want comes and is pruned', async () => {
    const { log, publish } = makeBusyLog();
    publish([{ taskId: taskId(2) }]);
    const follower = followSome(log, 1, { task: taskId(1) });
    await drain();
    publish(Array.from({ length: 30 }, () => ({ taskId: taskId(2) })));
    publish([{ type: 'events-pruned', floor: 25 }]);
    expect(follower.feed.position).toBe(32);
    publish([{ taskId: taskId(2) }, { taskId: taskId(1) }]);
    await drain();
    expect(follower.seen).toEqual([34]);
    follower.abort.abort();
    await follower.done;
  });

  it('ends where it was told to, though nothing wanted is there', async () => {
    const { log, publish } = makeBusyLog();
    publish([{ node: 'a' }, { node: 'b' }, { node: 'a' }]);
    const { signal } = new AbortController();
    const read = async (options: object): Promise<readonly number[]> => {
      const feed = log.follow({ after: 0, signal, ...options });
      return (await Array.fromAsync(eachEvent(feed))).map(({ revision }) => revision);
    };
    expect(await read({ until: 2 })).toEqual([1, 2]);
    expect(await read({ until: 3, filter: { node: 'a' } })).toEqual([1, 3]);
    expect(await read({ until: 3, filter: { node: 'c' } })).toEqual([]);
    expect(await read({ until: 0 })).toEqual([]);
  });

  it('shares its lists with those who want the same and stand at the same place', async () => {
    const { log, publish } = makeBusyLog();
    const types = ['manager-started' as const];
    const filters = [
      {},
      {},
      { node: 'a' },
      { node: 'a' },
      { node: 'b' },
      { types },
      // A node may have any name; none is taken for the lack of one.
      { types, node: 'undefined' },
    ];
    const { signal } = new AbortController();
    const firsts = filters.map((filter) =>
      log.follow({ after: 0, filter, signal })[Symbol.asyncIterator]().next(),
    );
    await drain();
    publish([{ node: 'a' }, { node: 'b' }, { node: 'undefined' }]);
    const lists = (await Promise.all(firsts)).map(({ value }) => value);
    expect(lists.map((list) => list?.length)).toEqual([3, 3, 1, 1, 1, 3, 1]);
    expect(lists[0]).toBe(lists[1]);
    expect(lists[2]).toBe(lists[3]);
  });
});
