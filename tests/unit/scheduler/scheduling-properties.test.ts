import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Node } from '../../../src/node/node.ts';
import { createScheduler } from '../../../src/scheduler/create-scheduler.ts';
import { decide } from '../../../src/scheduler/decide.ts';
import { createSnapshot, Ledger } from '../../../src/scheduler/ledger.ts';
import type { NodeSnapshot } from '../../../src/scheduler/scheduler.ts';
import { schedulerNames } from '../../../src/scheduler/scheduler.ts';
import type { Task } from '../../../src/task/task.ts';
import { GIB, makeNode, makeTask, placedOn } from '../../support/cluster.ts';

/*
 * For random clusters and tasks, under every policy:
 * - the chosen node can take the task, judged by a plain reading of the rules;
 * - when no node is chosen, none can take it;
 * - no node is ever promised more than it has, and no host port is held twice;
 * - a node that is dead, draining or of unknown capacity is never chosen;
 * - every score is finite;
 * - the decision is the same each time and does not depend on the order in which nodes joined.
 */

const amount = (max: number): fc.Arbitrary<number> =>
  fc.oneof(
    { weight: 8, arbitrary: fc.integer({ min: 1, max: 16 }).map((part) => (part / 16) * max) },
    { weight: 1, arbitrary: fc.constantFrom(0, -1, Number.NaN, Number.POSITIVE_INFINITY, 1e300) },
  );

const resources = fc.record({ cpu: amount(8), memory: amount(16 * GIB), disk: amount(64 * GIB) });

const nodeArbitrary: fc.Arbitrary<Node> = fc
  .record({
    name: fc.integer({ min: 0, max: 30 }).map((number) => `node-${number}`),
    capacity: resources,
    observed: fc.option(resources),
    liveness: fc.constantFrom('up', 'up', 'up', 'up', 'unreachable', 'down'),
    draining: fc.constantFrom(false, false, false, true),
    zone: fc.option(fc.constantFrom('eu', 'us')),
    hasDocker: fc.constantFrom(true, true, false),
  })
  .map(({ name, observed, zone, hasDocker, ...facts }) =>
    makeNode(name, {
      ...facts,
      ...(observed === null ? {} : { observed }),
      labels: zone === null ? {} : { zone },
      runtimes: [{ name: 'docker', available: hasDocker }],
    }),
  );

const nodesArbitrary = fc.uniqueArray(nodeArbitrary, {
  minLength: 1,
  maxLength: 10,
  selector: ({ name }) => name,
});

const specArbitrary = fc.record({
  cpu: fc.option(fc.integer({ min: 1, max: 400 }).map((part) => part / 100)),
  memory: fc.option(fc.integer({ min: 6 * 1024 ** 2, max: 8 * GIB })),
  disk: fc.option(fc.integer({ min: 1, max: 32 * GIB })),
  port: fc.option(fc.integer({ min: 8000, max: 8003 })),
  zone: fc.option(fc.constantFrom('zone == eu', 'zone != eu')),
});

const tasksArbitrary = fc.array(specArbitrary, { minLength: 1, maxLength: 25 }).map((specs) =>
  specs.map(({ cpu, memory, disk, port, zone }, number) =>
    makeTask(
      {
        image: 'nginx',
        ...(cpu === null ? {} : { cpu }),
        ...(memory === null ? {} : { memory }),
        ...(disk === null ? {} : { disk }),
        ports: port === null ? [] : [{ container: 80, host: port }],
        constraints: zone === null ? [] : [zone],
      },
      { number },
    ),
  ),
);

const isKnown = (value: number): boolean => Number.isFinite(value) && value >= 0;

/** The rules in other words than the filters: slow, and one sentence each. */
function canTake({ node, committed, ports }: NodeSnapshot, { spec }: Task): boolean {
  const { capacity } = node;
  const zone = node.labels['zone'];
  return (
    node.liveness === 'up' &&
    !node.draining &&
    isKnown(capacity.cpu) &&
    capacity.cpu > 0 &&
    isKnown(capacity.memory) &&
    capacity.memory > 0 &&
    node.runtimes.some(({ name, available }) => name === 'docker' && available) &&
    (spec.cpu === undefined || committed.cpu + spec.cpu <= capacity.cpu + 1e-9) &&
    (spec.memory === undefined || committed.memory + spec.memory <= capacity.memory) &&
    (spec.disk === undefined ||
      (isKnown(capacity.disk) && committed.disk + spec.disk <= capacity.disk)) &&
    spec.ports.every(({ host }) => !ports.has(`tcp/${host}`)) &&
    spec.constraints.every((text) => (text === 'zone == eu' ? zone === 'eu' : zone !== 'eu'))
  );
}

/** Places the tasks one after the other, telling each decision to `see`. */
function placeAll(
  setup: { readonly nodes: readonly Node[]; readonly tasks: readonly Task[] },
  scheduler: ReturnType<typeof createScheduler>,
  see: (decision: ReturnType<typeof decide>, before: Ledger, task: Task) => void,
): Ledger {
  const ledger = new Ledger();
  for (const node of setup.nodes) ledger.upsertNode(node);
  let last: string | undefined;
  for (const task of setup.tasks) {
    const decision = decide(scheduler, task, ledger.snapshot(last));
    see(decision, ledger, task);
    if (decision.chosen === undefined) continue;
    last = decision.chosen;
    ledger.reserve(placedOn(task, decision.chosen));
  }
  return ledger;
}

const setupArbitrary = fc.record({ nodes: nodesArbitrary, tasks: tasksArbitrary });

describe.each(schedulerNames)('%s', (name) => {
  const scheduler = createScheduler(name);

  it('chooses a node that can take the task, and none only where none can', () => {
    fc.assert(
      fc.property(setupArbitrary, (setup) => {
        placeAll(setup, scheduler, ({ chosen, placement }, ledger, task) => {
          const able = ledger.snapshot().nodes.filter((candidate) => canTake(candidate, task));
          const names = able.map(({ node }) => node.name);
          expect(placement.feasibleCount).toBe(able.length);
          if (chosen === undefined) expect(names).toEqual([]);
          else expect(names).toContain(chosen);
        });
      }),
    );
  });

  it('never promises more than a node has, nor a port twice', () => {
    fc.assert(
      fc.property(setupArbitrary, (setup) => {
        const held = new Map<string, number>();
        const ledger = placeAll(setup, scheduler, ({ chosen }, _, task) => {
          if (chosen === undefined) return;
          for (const { host } of task.spec.ports) {
            const key = `${chosen} ${host}`;
            held.set(key, (held.get(key) ?? 0) + 1);
          }
        });
        for (const { node, committed } of ledger.snapshot().nodes) {
          for (const resource of ['cpu', 'memory', 'disk'] as const) {
            const promised = committed[resource];
            if (promised > 0) expect(promised).toBeLessThanOrEqual(node.capacity[resource]);
          }
        }
        expect([...held.values()].every((count) => count === 1)).toBe(true);
      }),
    );
  });

  it('gives every candidate a finite score and every other node a reason', () => {
    fc.assert(
      fc.property(setupArbitrary, (setup) => {
        placeAll(setup, scheduler, (decision) => {
          for (const { score, rejections } of decision.verdicts()) {
            if (rejections.length === 0) expect(Number.isFinite(score)).toBe(true);
            else expect(score).toBeUndefined();
          }
        });
      }),
    );
  });

  it('decides the same again, from a snapshot computed anew of nodes in any order', () => {
    fc.assert(
      fc.property(setupArbitrary, fc.infiniteStream(fc.nat()), (setup, order) => {
        const placed: Task[] = [];
        let last: string | undefined;
        placeAll(setup, scheduler, (decision, _, task) => {
          const nodes = setup.nodes
            .map((node) => ({ node, rank: order.next().value ?? 0 }))
            .toSorted((a, b) => a.rank - b.rank)
            .map(({ node }) => node);
          const state = { nodes, tasks: placed.toReversed(), lastNode: last };
          const again = decide(scheduler, task, createSnapshot(state));
          expect(again.placement).toEqual(decision.placement);
          expect(again.verdicts()).toEqual(decision.verdicts());
          if (decision.chosen === undefined) return;
          last = decision.chosen;
          placed.push(placedOn(task, decision.chosen));
        });
      }),
    );
  });
});
