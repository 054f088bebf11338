import { describe, expect, it, test } from 'vitest';
import type { Resources } from '../../../src/node/node.ts';
import { createScheduler } from '../../../src/scheduler/create-scheduler.ts';
import { decide } from '../../../src/scheduler/decide.ts';
import { Ledger } from '../../../src/scheduler/ledger.ts';
import { pickLowest } from '../../../src/scheduler/pick-lowest.ts';
import { BASE_MIN, epvm, marginalCost } from '../../../src/scheduler/policies/epvm.ts';
import { greedy } from '../../../src/scheduler/policies/greedy.ts';
import { roundRobin } from '../../../src/scheduler/policies/round-robin.ts';
import {
  type NodeSnapshot,
  type Scheduler,
  schedulerNames,
} from '../../../src/scheduler/scheduler.ts';
import type { Task } from '../../../src/task/task.ts';
import type { TaskSpecInput } from '../../../src/task/task-spec.ts';
import {
  GIB,
  makeNode,
  makeNodeSnapshot,
  makeSnapshot,
  makeTask,
  placedOn,
} from '../../support/cluster.ts';

/** A node of which these fractions are promised. */
function filled(name: string, cpu: number, memory: number): NodeSnapshot {
  const capacity = { cpu: 16, memory: 16 * GIB, disk: 100 * GIB };
  return makeNodeSnapshot(makeNode(name, { capacity }), {
    committed: { cpu: cpu * 16, memory: memory * 16 * GIB, disk: 0 },
  });
}

function observing(name: string, observed: Resources): NodeSnapshot {
  return makeNodeSnapshot(makeNode(name, { observed }));
}

const chosenBy = (scheduler: Scheduler, nodes: readonly NodeSnapshot[], task: Task) =>
  decide(scheduler, task, makeSnapshot(nodes)).chosen;

/** How many of `count` tasks each node gets, placed one after the other. */
function spread(
  scheduler: Scheduler,
  nodeCount: number,
  tasks: { readonly count: number; readonly spec: Partial<TaskSpecInput> },
): readonly number[] {
  const ledger = new Ledger();
  for (let index = 0; index < nodeCount; index += 1) ledger.upsertNode(makeNode(`n${index}`));
  const task = makeTask(tasks.spec);
  for (let number = 0; number < tasks.count; number += 1) {
    const next = { ...task, id: `task-${number}` };
    const { chosen } = decide(scheduler, next, ledger.snapshot());
    if (chosen !== undefined) ledger.reserve(placedOn(next, chosen));
  }
  return ledger.snapshot().nodes.map(({ taskCount }) => taskCount);
}

describe('the marginal cost of E-PVM', () => {
  // Two resources, 1/16 of each wanted; columns are the fractions of (cores, memory) in use.
  const used = [
    [0.1, 0.1],
    [0.5, 0.5],
    [0.9, 0.9],
    [0.97, 0.2],
    [0.1, 0.9],
  ] as const;
  test.each([
    { base: 2, costs: [0.0949, 0.1252, 0.1652, 0.1376, 0.1301] },
    { base: 3, costs: [0.1587, 0.2462, 0.3821, 0.2949, 0.2704] },
    { base: 10, costs: [0.3897, 0.9789, 2.459, 1.6898, 1.4243] },
    { base: 100, costs: [1.0572, 6.6704, 42.0876, 29.8863, 21.5724] },
    { base: 300, costs: [1.5153, 14.8368, 145.2745, 109.6226, 73.3949] },
  ])('is that of the paper for base $base', ({ base, costs }) => {
    const computed = used.map((fractions) =>
      fractions.reduce((sum, one) => sum + marginalCost(one, 1 / 16, base), 0),
    );
    costs.forEach((cost, index) => {
      expect(computed[index]).toBeCloseTo(cost, 4);
    });
  });

  it('is nothing for base 1, and exactly nothing for no demand', () => {
    expect(marginalCost(0.5, 0.25, 1)).toBe(0);
    expect(marginalCost(0.9, 0, 300)).toBe(0);
  });

  it('keeps the digits of a tiny demand', () => {
    const demand = 1e-15;
    const derivative = Math.log(10) * 10 ** 0.5;
    expect(marginalCost(0.5, demand, 10) / demand).toBeCloseTo(derivative, 6);
  });

  it('stays finite on a node promised beyond all measure', () => {
    expect(Number.isFinite(marginalCost(1e9, 1e9, 100_000) * 3)).toBe(true);
  });
});

describe('epvm', () => {
  const task = makeTask({ cpu: 1, memory: '1GiB' });

  it('scores with the number of nodes that are up as base, and never below ten', () => {
    const candidate = filled('n00', 0.5, 0.5);
    const score = (others: number, liveness: 'up' | 'down'): number | undefined => {
      const rest = Array.from({ length: others }, (_, index) =>
        makeNode(`x${index}`, { liveness }),
      );
      return epvm.score(task, [candidate], makeSnapshot([candidate, ...rest]))[0];
    };
    const cost = (base: number): number => 2 * marginalCost(0.5, 1 / 16, base);
    expect(score(0, 'up')).toBe(cost(BASE_MIN));
    expect(score(8, 'up')).toBe(cost(BASE_MIN));
    expect(score(99, 'up')).toBe(cost(100));
    expect(score(99, 'down')).toBe(cost(BASE_MIN));
  });

  it('prefers the emptier node where the number of tasks says the opposite', () => {
    const nodes = [
      { ...filled('n1', 0.1, 0.1), taskCount: 4 },
      { ...filled('n2', 0.5, 0.5), taskCount: 2 },
      { ...filled('n3', 0.9, 0.9), taskCount: 1 },
      { ...filled('n4', 0.97, 0.97), taskCount: 0 },
    ];
    expect(chosenBy(epvm, nodes, task)).toBe('n1');
  });

  it('counts cores as well as memory', () => {
    expect(chosenBy(epvm, [filled('n1', 0.8, 0.2), filled('n2', 0.2, 0.2)], task)).toBe('n2');
    expect(chosenBy(epvm, [filled('n1', 0.2, 0.8), filled('n2', 0.2, 0.2)], task)).toBe('n2');
  });

  it('avoids the last tenth of one resource though both are half full on average', () => {
    expect(chosenBy(epvm, [filled('n1', 0.1, 0.9), filled('n2', 0.5, 0.5)], task)).toBe('n2');
  });

  it('does not even score a node on which the task does not fit', () => {
    const nodes = [filled('n1', 0.97, 0.2), filled('n2', 0.9, 0.9)];
    const { chosen, placement } = decide(epvm, task, makeSnapshot(nodes));
    expect(chosen).toBe('n2');
    expect(placement.best.map(({ node }) => node)).toEqual(['n2']);
    expect(placement.rejected.map(({ code }) => code)).toEqual(['cpu-short']);
  });

  it('counts disk only for a task that asks for it', () => {
    const full = makeNodeSnapshot(makeNode('n1'), {
      committed: { cpu: 0, memory: 0, disk: 90 * GIB },
    });
    const busy = makeNodeSnapshot(makeNode('n2'), { committed: { cpu: 1, memory: 0, disk: 0 } });
    expect(chosenBy(epvm, [full, busy], task)).toBe('n1');
    expect(chosenBy(epvm, [full, busy], makeTask({ disk: '1GiB' }))).toBe('n2');
  });

  it('uses measured use where it is larger than what is promised', () => {
    const busy = observing('n1', { cpu: 3.6, memory: 0, disk: 0 });
    const idle = observing('n2', { cpu: 0, memory: 0, disk: 0 });
    expect(chosenBy(epvm, [busy, idle], task)).toBe('n2');
  });

  it('does not let a low measurement make a promise smaller', () => {
    const promised = {
      ...observing('n1', { cpu: 0.01, memory: 1, disk: 0 }),
      committed: { cpu: 3, memory: 0, disk: 0 },
    };
    expect(chosenBy(epvm, [promised, makeNodeSnapshot(makeNode('n2'))], task)).toBe('n2');
  });

  it.each([Number.NaN, -5, Number.POSITIVE_INFINITY, 1e18])(
    'stays finite when %d is measured',
    (value) => {
      const odd = observing('n1', { cpu: value, memory: value, disk: value });
      const [score] = epvm.score(makeTask({ disk: '1GiB' }), [odd], makeSnapshot([odd]));
      expect(Number.isFinite(score)).toBe(true);
    },
  );

  it('counts what is promised on other resources where the task requests nothing', () => {
    const bare = makeTask();
    expect(chosenBy(epvm, [filled('n1', 0.9, 0.1), filled('n2', 0.1, 0.1)], bare)).toBe('n2');
  });
});

describe('greedy', () => {
  it('keeps the fullest resource lowest', () => {
    const task = makeTask({ cpu: 1, memory: '1GiB' });
    const nodes = [filled('n1', 0.1, 0.7), filled('n2', 0.6, 0.6), filled('n3', 0.65, 0)];
    expect(chosenBy(greedy, nodes, task)).toBe('n2');
  });

  it('looks at the node with the task on it, so that the request counts', () => {
    const large = makeNode('n1', { capacity: { cpu: 64, memory: 64 * GIB, disk: 0 } });
    const nodes = [
      makeNodeSnapshot(large, { committed: { cpu: 16, memory: 0, disk: 0 } }),
      makeNodeSnapshot(makeNode('n2')),
    ];
    expect(chosenBy(greedy, nodes, makeTask({ cpu: 0.1, memory: '64MiB' }))).toBe('n2');
    expect(chosenBy(greedy, nodes, makeTask({ cpu: 4, memory: '64MiB' }))).toBe('n1');
  });

  it('counts disk for a task that asks for it, and measured use', () => {
    const full = makeNodeSnapshot(makeNode('n1'), {
      committed: { cpu: 0, memory: 0, disk: 90 * GIB },
    });
    const busy = observing('n2', { cpu: 2, memory: 0, disk: 0 });
    expect(chosenBy(greedy, [full, busy], makeTask())).toBe('n1');
    expect(chosenBy(greedy, [full, busy], makeTask({ disk: '1GiB' }))).toBe('n2');
  });
});

describe('round robin', () => {
  const nodes = ['a', 'b', 'c'].map((name) => makeNode(name));
  const task = makeTask();
  test.each([
    { last: undefined, next: 'a' },
    { last: 'a', next: 'b' },
    { last: 'c', next: 'a' },
    { last: 'aa', next: 'b' },
    { last: 'zz', next: 'a' },
  ])('goes on to $next after $last, whether or not that node is still there', ({ last, next }) => {
    expect(decide(roundRobin, task, makeSnapshot(nodes, last)).chosen).toBe(next);
  });

  it('passes over nodes that cannot take the task', () => {
    const down = [makeNode('a'), makeNode('b', { liveness: 'down' }), makeNode('c')];
    expect(decide(roundRobin, task, makeSnapshot(down, 'a')).chosen).toBe('c');
  });

  it('gives the same answer however often it is asked', () => {
    const snapshot = makeSnapshot(nodes, 'a');
    const answers = Array.from({ length: 5 }, () => decide(roundRobin, task, snapshot).chosen);
    expect(new Set(answers)).toEqual(new Set(['b']));
  });
});

describe('every policy', () => {
  test.each(schedulerNames)('%s never chooses a dead node, however empty it is', (name) => {
    const nodes = [
      makeNodeSnapshot(makeNode('n1', { liveness: 'down' })),
      filled('n2', 0.9, 0.9),
      makeNodeSnapshot(makeNode('n3', { capacity: { cpu: 0, memory: 0, disk: 0 } })),
    ];
    expect(chosenBy(createScheduler(name), nodes, makeTask({ cpu: 1 }))).toBe('n2');
  });

  test.each(schedulerNames)('%s is created by its name', (name) => {
    expect(createScheduler(name).name).toBe(name);
  });

  test.each(['epvm', 'greedy'] as const)(
    '%s spreads equal tasks evenly over equal nodes',
    (name) => {
      const requests = { count: 40, spec: { cpu: 0.25, memory: '256MiB' } };
      expect(new Set(spread(createScheduler(name), 8, requests))).toEqual(new Set([5]));
    },
  );

  test.each(['epvm', 'greedy'] as const)('%s spreads tasks without requests as well', (name) => {
    expect(new Set(spread(createScheduler(name), 8, { count: 400, spec: {} }))).toEqual(
      new Set([50]),
    );
  });
});

describe('ties', () => {
  const nodes = Array.from({ length: 10 }, (_, index) => makeNodeSnapshot(makeNode(`n${index}`)));
  const scores = nodes.map(() => 1);

  it('go to the same node each time, and to many nodes over many tasks', () => {
    const counts = new Map<number, number>();
    for (let number = 0; number < 2000; number += 1) {
      const task = makeTask({}, { number });
      const index = pickLowest(task, nodes, scores);
      expect(pickLowest(task, nodes, scores)).toBe(index);
      counts.set(index, (counts.get(index) ?? 0) + 1);
    }
    expect(counts.size).toBe(10);
    expect(Math.min(...counts.values())).toBeGreaterThan(120);
    expect(Math.max(...counts.values())).toBeLessThan(280);
  });

  it('are only among the lowest', () => {
    for (let number = 0; number < 100; number += 1) {
      const index = pickLowest(makeTask({}, { number }), nodes, [3, 2, 1, 1, 2, 3, 1, 2, 5, 9]);
      expect([2, 3, 6]).toContain(index);
    }
  });

  it('are nothing without candidates', () => {
    expect(() => pickLowest(makeTask(), [], [])).toThrow('a candidate');
  });
});
