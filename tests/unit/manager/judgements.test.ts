import { describe, expect, it } from 'vitest';
import { judgeHeartbeat } from '../../../src/manager/judge-heartbeat.ts';
import { type JoinContext, judgeJoin } from '../../../src/manager/judge-join.ts';
import { deafMs, judgeLiveness, wasAway } from '../../../src/manager/judge-liveness.ts';
import { judgeNodeLost } from '../../../src/manager/judge-node-lost.ts';
import { selectPrunable } from '../../../src/manager/judge-retention.ts';
import type { Node } from '../../../src/node/node.ts';
import { GIB, makeNode, makeTask } from '../../support/cluster.ts';

const TIME = '2030-01-01T00:00:00.000Z';
const limits = { heartbeatMs: 3000, nodeTimeoutMs: 15_000 };

describe('liveness', () => {
  it.each([
    ['up when heard and settled', { silentMs: 0, settled: true, current: 'unreachable' }, 'up'],
    ['up through one late heartbeat', { silentMs: 5999, settled: true, current: 'up' }, 'up'],
    [
      'unreachable after one missed',
      { silentMs: 6000, settled: true, current: 'up' },
      'unreachable',
    ],
    [
      'unreachable at once when the stream is lost',
      { silentMs: 0, settled: false, current: 'up' },
      'unreachable',
    ],
    [
      'unreachable just before the time-out',
      { silentMs: 14_999, settled: false, current: 'up' },
      'unreachable',
    ],
    ['down at the time-out', { silentMs: 15_000, settled: false, current: 'unreachable' }, 'down'],
    [
      'still down when it has spoken but is not settled',
      { silentMs: 0, settled: false, current: 'down' },
      'down',
    ],
    ['up again once settled', { silentMs: 0, settled: true, current: 'down' }, 'up'],
  ] as const)('is %s', (_, heard, wanted) => {
    expect(judgeLiveness(heard, limits)).toBe(wanted);
  });

  it('forgives silence only when the listener itself was away', () => {
    expect(wasAway(1500, limits)).toBe(false);
    expect(wasAway(20_000, limits)).toBe(true);
    expect(deafMs(limits.heartbeatMs / 2, limits)).toBe(0);
    expect(deafMs(limits.heartbeatMs, limits)).toBe(0);
    expect(deafMs(5000, limits)).toBe(5000 - limits.heartbeatMs / 2);
  });
});

describe('a lost node', () => {
  const lost = { node: 'n1', time: TIME };

  it('gives up a running task whatever its restart policy, to be placed at once', () => {
    const task = makeTask({ restart: 'never' }, { status: { state: 'running', attempt: 1 } });
    expect(judgeNodeLost(task, lost)).toMatchObject({
      type: 'task-failed',
      status: { state: 'failed', restartDelayMs: 0, exitCode: 'unknown' },
      reason: { code: 'node-lost' },
    });
  });

  it('leaves a task alone that waits for its node', () => {
    const task = makeTask({ onNodeLost: 'wait' }, { status: { state: 'running', attempt: 1 } });
    expect(judgeNodeLost(task, lost)).toBeUndefined();
  });

  it('completes a task that was to stop there', () => {
    const status = { state: 'running', desired: 'stopped', attempt: 1 } as const;
    expect(judgeNodeLost(makeTask({ onNodeLost: 'wait' }, { status }), lost)).toMatchObject({
      type: 'task-completed',
      status: { state: 'completed' },
    });
  });
});

describe('a heartbeat', () => {
  const used = { cpu: 1, memory: 4 * GIB, disk: 10 * GIB };
  const stats = { used, load: 1, taskCount: 3, time: TIME };
  const { runtimes } = makeNode('n1');

  it('records measured use the first time', () => {
    const drafts = judgeHeartbeat(makeNode('n1'), { stats, runtimes });
    expect(drafts.map(({ type }) => type)).toEqual(['node-observed']);
  });

  it('writes nothing while use moves little', () => {
    const observed = { ...used, cpu: 1.1 };
    expect(judgeHeartbeat(makeNode('n1', { observed }), { stats, runtimes })).toEqual([]);
  });

  it('records that a runtime went away', () => {
    const gone = [{ name: 'docker' as const, available: false, reason: 'No engine answers.' }];
    const drafts = judgeHeartbeat(makeNode('n1', { observed: used }), { stats, runtimes: gone });
    expect(drafts).toMatchObject([{ type: 'node-changed', facts: { runtimes: gone } }]);
  });
});

describe('a join', () => {
  const { id, name, address, capacity, labels, runtimes, bindRoots, version } = makeNode('n1');
  const facts = { id, name, address, capacity, labels, runtimes, bindRoots, version };
  const stranger = { ...facts, id: '00000000-0000-4000-8000-00000000beef' };

  const context = (existing?: Node, more: Partial<JoinContext> = {}): JoinContext => ({
    existing,
    namesakes: [],
    placedOn: () => [],
    time: TIME,
    ...more,
  });

  it('is recorded once', () => {
    expect(judgeJoin(facts, context())).toMatchObject([{ type: 'node-joined' }]);
    expect(judgeJoin(facts, context(makeNode('n1')))).toEqual([]);
  });

  it('records what has changed, and only that', () => {
    const moved = { ...facts, address: 'http://127.0.0.1:6000' };
    expect(judgeJoin(moved, context(makeNode('n1')))).toMatchObject([
      { type: 'node-changed', facts: { address: moved.address } },
    ]);
  });

  it('under the name of another worker is refused unless that one is down', () => {
    const up = context(makeNode('n1'));
    expect(() => judgeJoin(stranger, up)).toThrow('Another worker is node n1');
    const down = context(makeNode('n1', { liveness: 'down' }));
    expect(judgeJoin(stranger, down)).toHaveLength(1);
  });

  it('under the name of another worker is refused while a task waits for that one', () => {
    const waiting = makeTask({ onNodeLost: 'wait' });
    const down = context(makeNode('n1', { liveness: 'down' }), { placedOn: () => [waiting] });
    expect(() => judgeJoin(stranger, down)).toThrow('1 tasks wait for the return of the other n1');
  });

  it('under another name than before is refused while tasks are placed on the older one', () => {
    const renamed = { ...facts, name: 'n2' };
    const namesakes = [makeNode('n1', { liveness: 'down' })];
    const full = context(undefined, { namesakes, placedOn: () => [makeTask()] });
    expect(() => judgeJoin(renamed, full)).toThrow('This worker is node n1, where 1 tasks are');
    expect(judgeJoin(renamed, context(undefined, { namesakes }))).toHaveLength(1);
  });
});

describe('retention', () => {
  const now = Date.parse('2030-01-10T00:00:00.000Z');
  const finished = (day: number, number: number) =>
    makeTask(
      {},
      { number, status: { state: 'completed', finishedAt: `2030-01-0${day}T00:00:00.000Z` } },
    );
  const kept = {
    finishedAgeMs: 86_400_000 * 365,
    finishedCountMax: 100,
    eventAgeMs: 1,
    eventCountMax: 1,
  };

  it('keeps finished tasks within its limits', () => {
    const tasks = [finished(1, 1), finished(2, 2)];
    expect(selectPrunable({ finished: tasks, finishedCount: 2, countMax: 9 }, kept, now)).toEqual(
      [],
    );
  });

  it('lets the oldest go beyond the count', () => {
    const tasks = [finished(1, 1), finished(2, 2), finished(3, 3)];
    const limits = { ...kept, finishedCountMax: 1 };
    expect(selectPrunable({ finished: tasks, finishedCount: 3, countMax: 9 }, limits, now)).toEqual(
      [tasks[0]?.id, tasks[1]?.id],
    );
  });

  it('names no more than are asked for', () => {
    const tasks = [finished(1, 1), finished(2, 2), finished(3, 3)];
    const limits = { ...kept, finishedCountMax: 0 };
    const first = { finished: tasks, finishedCount: 3, countMax: 2 };
    expect(selectPrunable(first, limits, now)).toEqual([tasks[0]?.id, tasks[1]?.id]);
  });

  it('lets go what is too old', () => {
    const tasks = [finished(1, 1), finished(9, 2)];
    const limits = { ...kept, finishedAgeMs: 86_400_000 * 3 };
    expect(selectPrunable({ finished: tasks, finishedCount: 2, countMax: 9 }, limits, now)).toEqual(
      [tasks[0]?.id],
    );
  });

  it('never takes a task that may run again', () => {
    const waiting = makeTask({}, { status: { state: 'failed', restartDelayMs: 5 } });
    const limits = { ...kept, finishedCountMax: 0 };
    expect(
      selectPrunable({ finished: [waiting], finishedCount: 1, countMax: 9 }, limits, now),
    ).toEqual([]);
  });
});
