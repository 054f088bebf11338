import { describe, expect, it, test } from 'vitest';
import { createScheduler } from '../../../src/scheduler/create-scheduler.ts';
import { decide } from '../../../src/scheduler/decide.ts';
import { epvm } from '../../../src/scheduler/policies/epvm.ts';
import { type Scheduler, schedulerNames } from '../../../src/scheduler/scheduler.ts';
import { waitingReason } from '../../../src/scheduler/waiting-reason.ts';
import { placementSchema, verdictSchema } from '../../../src/task/placement.ts';
import { reasonSchema } from '../../../src/task/task-status.ts';
import { GIB, makeNode, makeNodeSnapshot, makeSnapshot, makeTask } from '../../support/cluster.ts';

const withCores = (name: string, committed: number) =>
  makeNodeSnapshot(makeNode(name), { committed: { cpu: committed, memory: 0, disk: 0 } });

describe('a decision', () => {
  it('records the chosen node and the best few, best first', () => {
    const nodes = Array.from({ length: 8 }, (_, index) => withCores(`n${index}`, (7 - index) / 4));
    const { placement, chosen } = decide(epvm, makeTask({ cpu: 1 }), makeSnapshot(nodes));
    expect(chosen).toBe('n7');
    expect(placement).toMatchObject({ scheduler: 'epvm', node: 'n7', nodeCount: 8 });
    expect(placement.feasibleCount).toBe(8);
    expect(placement.best.map(({ node }) => node)).toEqual(['n7', 'n6', 'n5', 'n4', 'n3']);
    expect(placement.best.map(({ score }) => score)).toEqual(
      placement.best.map(({ score }) => score).toSorted((a, b) => a - b),
    );
    expect(placement.rejected).toEqual([]);
  });

  it('names the chosen node first among equals', () => {
    for (let number = 0; number < 30; number += 1) {
      const nodes = Array.from({ length: 9 }, (_, index) => makeNode(`n${index}`));
      const { placement, chosen } = decide(epvm, makeTask({}, { number }), makeSnapshot(nodes));
      expect(placement.best[0]?.node).toBe(chosen);
      expect(new Set(placement.best.map(({ node }) => node)).size).toBe(5);
    }
  });

  it('counts refused nodes by reason, the most frequent first, each with its nearest miss', () => {
    const nodes = [
      withCores('n1', 3.9),
      withCores('n2', 2.6),
      withCores('n3', 3),
      makeNodeSnapshot(makeNode('n4', { liveness: 'down' }), {
        committed: { cpu: 2.1, memory: 0, disk: 0 },
      }),
    ];
    const { placement, chosen } = decide(epvm, makeTask({ cpu: 2 }), makeSnapshot(nodes));
    expect(chosen).toBeUndefined();
    expect(placement).toEqual({
      scheduler: 'epvm',
      nodeCount: 4,
      feasibleCount: 0,
      best: [],
      rejected: [
        {
          code: 'cpu-short',
          nodeCount: 4,
          // n4 is short of less, but is down as well.
          nearest: {
            node: 'n2',
            rejection: {
              code: 'cpu-short',
              message: 'needs 2 cores, 1.4 of 4 are free',
              needed: 2,
              available: 1.4,
            },
          },
        },
        { code: 'not-up', nodeCount: 1, nearest: expect.objectContaining({ node: 'n4' }) },
      ],
    });
  });

  it('counts a node once for each reason, however often it has it', () => {
    const task = makeTask({ constraints: ['zone == eu', 'rack == r1'] });
    const { placement } = decide(epvm, task, makeSnapshot([makeNode('n1'), makeNode('n2')]));
    expect(placement.rejected.map(({ nodeCount }) => nodeCount)).toEqual([2]);
  });

  it('gives the verdict on every node in the order of the snapshot', () => {
    const nodes = [withCores('n1', 4), withCores('n2', 0), withCores('n3', 4), withCores('n4', 1)];
    const decision = decide(epvm, makeTask({ cpu: 1 }), makeSnapshot(nodes));
    const verdicts = decision.verdicts();
    expect(
      verdicts.map(({ node, score, rejections }) => [node, score !== undefined, rejections.length]),
    ).toEqual([
      ['n1', false, 1],
      ['n2', true, 0],
      ['n3', false, 1],
      ['n4', true, 0],
    ]);
    for (const verdict of verdicts) expect(verdictSchema.parse(verdict)).toEqual(verdict);
  });

  it('of a cluster without nodes chooses nothing', () => {
    const decision = decide(epvm, makeTask(), makeSnapshot([]));
    expect(decision.chosen).toBeUndefined();
    expect(decision.verdicts()).toEqual([]);
    expect(decision.placement).toEqual({
      scheduler: 'epvm',
      nodeCount: 0,
      feasibleCount: 0,
      best: [],
      rejected: [],
    });
  });

  test.each(schedulerNames)('of %s over 10,000 nodes is recorded in a few kilobytes', (name) => {
    const long = 'x'.repeat(1000);
    const bindRoots = Array.from({ length: 5 }, () => `/${long.repeat(4)}`);
    const nodes = Array.from({ length: 10_000 }, (_, index) =>
      index % 3 === 0
        ? makeNode(`n${index}`)
        : makeNode(`n${index}`, {
            liveness: 'down',
            livenessReason: long.repeat(10),
            draining: true,
            runtimes: [{ name: 'docker', available: false, reason: long }],
            labels: { zone: 'x'.repeat(63) },
            bindRoots,
            capacity: { cpu: 0, memory: 0, disk: 0 },
          }),
    );
    const task = makeTask({
      image: 'nginx',
      disk: '1GiB',
      cpu: 1,
      memory: '1GiB',
      constraints: ['zone == eu'],
      binds: [{ source: `/${'y'.repeat(4000)}`, target: '/data' }],
    });
    const snapshot = makeSnapshot(nodes);
    for (const one of [task, makeTask()]) {
      const { placement } = decide(createScheduler(name), one, snapshot);
      expect(placementSchema.parse(placement)).toEqual(placement);
      expect(JSON.stringify(placement).length).toBeLessThan(6000);
      if (placement.node !== undefined) continue;
      const reason = waitingReason(placement);
      expect(reasonSchema.parse(reason)).toEqual(reason);
      expect(JSON.stringify(reason).length).toBeLessThan(3000);
    }
  });

  const broken = { ...epvm };
  const oneNode = makeSnapshot([makeNode('n1')]);
  test.each<{ readonly fault: string; readonly scheduler: Scheduler; readonly error: string }>([
    {
      fault: 'a score that is no number',
      scheduler: { ...broken, score: () => [Number.NaN] },
      error: 'finite',
    },
    { fault: 'too few scores', scheduler: { ...broken, score: () => [] }, error: 'a score' },
    {
      fault: 'a choice that is no candidate',
      scheduler: { ...broken, pick: () => 7 },
      error: 'one of the candidates',
    },
  ])('is not made on $fault', ({ scheduler, error }) => {
    expect(() => decide(scheduler, makeTask(), oneNode)).toThrow(error);
  });
});

describe('the reason why a task waits', () => {
  it('is that there are no nodes, where there are none', () => {
    const { placement } = decide(epvm, makeTask(), makeSnapshot([]));
    expect(waitingReason(placement)).toEqual({
      code: 'no-nodes',
      message: 'No node has joined the cluster yet.',
    });
  });

  it('tells the most frequent reasons with the nearest node and its numbers', () => {
    const nodes = [withCores('n1', 3.9), withCores('n2', 2.6), makeNode('n3', { draining: true })];
    const { placement } = decide(epvm, makeTask({ cpu: 2 }), makeSnapshot(nodes));
    expect(waitingReason(placement)).toEqual({
      code: 'no-node-fits',
      message:
        'None of 3 nodes can take it: 2 short of cores (nearest, n2: needs 2 cores, 1.4 of 4 are ' +
        'free); 1 draining (nearest, n3: is draining and takes no new tasks).',
      details: {
        nodeCount: 3,
        'cpu-short': 2,
        'cpu-short.needed': 2,
        'cpu-short.available': 1.4,
        draining: 1,
      },
    });
  });

  it('tells every reason of the only node, without counting', () => {
    const nodes = [makeNode('n1', { draining: true, capacity: { cpu: 1, memory: GIB, disk: 0 } })];
    const reason = waitingReason(decide(epvm, makeTask({ cpu: 2 }), makeSnapshot(nodes)).placement);
    expect(reason.message).toBe(
      'The only node, n1, cannot take it: is draining and takes no new tasks; ' +
        'needs 2 cores, 1 of 1 are free.',
    );
  });

  it('says how many reasons it does not tell, and counts them in the details', () => {
    const facts = { draining: true, runtimes: [], capacity: { cpu: 1, memory: GIB, disk: 0 } };
    const nodes = [makeNode('n1', facts), makeNode('n2', facts)];
    const task = makeTask({ cpu: 2, memory: '2GiB' });
    const reason = waitingReason(decide(epvm, task, makeSnapshot(nodes)).placement);
    expect(reason.message).toMatch(/^None of 2 nodes can take it: .*; other reasons: 1\.$/);
    expect(reason.details).toMatchObject({ 'memory-short': 2, 'cpu-short': 2, draining: 2 });
  });
});
