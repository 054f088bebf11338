import { describe, expect, it } from 'vitest';
import type { CubeEvent } from '../../../src/event/event.ts';
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
    for await (const { revision } of log.follow(after, abort.signal)) seen.push(revision);
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
