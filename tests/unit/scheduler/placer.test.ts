import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Node } from '../../../src/node/node.ts';
import { createScheduler } from '../../../src/scheduler/create-scheduler.ts';
import { decide } from '../../../src/scheduler/decide.ts';
import { createSnapshot } from '../../../src/scheduler/ledger.ts';
import { Placer } from '../../../src/scheduler/placer.ts';
import { schedulerNames } from '../../../src/scheduler/scheduler.ts';
import { isPlaced, type Task } from '../../../src/task/task.ts';
import { GIB, makeNode, makeTask, placedOn } from '../../support/cluster.ts';

/*
 * Whatever has happened to nodes and tasks before, the placer decides as the three phases do on a
 * snapshot that is computed from scratch: the same node, the same scores to the last bit, the same
 * counts and the same words about those that were refused.
 */

/** Several blocks of rows, and more than the ten below which E-PVM computes as for ten. */
const nodeCount = 36;

/** Unlike nodes, and some of which something is not known or wrong. */
const oddFactsArbitrary: fc.Arbitrary<Partial<Node>> = fc
  .record({
    cpu: fc.constantFrom(1, 2, 4, 4, 4, 4.0005, 0, -1, Number.NaN, Number.POSITIVE_INFINITY),
    memory: fc.constantFrom(2, 4, 8, 8, 8, 0, Number.NaN, 1e290),
    disk: fc.constantFrom(0, 10, 10, 10, Number.NaN),
    observed: fc.option(
      fc.constantFrom(
        { cpu: 2, memory: GIB, disk: GIB },
        { cpu: Number.NaN, memory: -1, disk: 1e300 },
      ),
    ),
    liveness: fc.constantFrom('up', 'up', 'up', 'up', 'up', 'unreachable', 'down'),
    draining: fc.constantFrom(false, false, false, false, true),
    zone: fc.option(fc.constantFrom('eu', 'us')),
    hasDocker: fc.constantFrom(true, true, true, false),
    bindRoots: fc.constantFrom<string[][]>([], ['/srv']),
  })
  .map(({ cpu, memory, disk, observed, zone, hasDocker, ...facts }) => ({
    ...facts,
    capacity: { cpu, memory: memory * GIB, disk: disk * GIB },
    ...(observed === null ? {} : { observed }),
    labels: zone === null ? {} : { zone },
    runtimes: [{ name: 'docker', available: hasDocker }],
  }));

const factsArbitrary = fc.oneof(
  { weight: 3, arbitrary: fc.constant({}) },
  { weight: 2, arbitrary: oddFactsArbitrary },
);

/** Few different ones, so that equal tasks follow each other, and many that differ. */
const specs = [
  {},
  { cpu: 0.5 },
  { cpu: 1, memory: GIB },
  { cpu: 1, memory: GIB, ports: [{ container: 80, host: 8000 }] },
  { cpu: 3.5, memory: 7 * GIB, disk: 9 * GIB },
  { memory: 3 * GIB, constraints: ['zone == eu'] },
  { disk: GIB, constraints: ['zone != eu', 'node.name != node-1'] },
  { cpu: 64, constraints: ['node.name == node-2'], binds: [{ source: '/srv/a', target: '/a' }] },
  { binds: ['/etc', '/srv/b'].map((source) => ({ source, target: source })) },
  { ports: [8000, 8001].map((host) => ({ container: host, host })), cpu: 0.01 },
].map((spec) => ({ image: 'nginx', ...spec }));

const stepArbitrary = fc.record({
  kind: fc.constantFrom('place', 'place', 'place', 'place', 'node', 'end', 'publish', 'remove'),
  spec: fc.nat(specs.length + 1),
  node: fc.nat(nodeCount - 1).map((number) => `node-${number}`),
  facts: factsArbitrary,
  pick: fc.nat(),
});

type Step = typeof stepArbitrary extends fc.Arbitrary<infer One> ? One : never;

/** A placer and, beside it, all that it was told. */
class Told {
  readonly placer: Placer;
  readonly nodes = new Map<string, Node>();
  readonly tasks = new Map<string, Task>();
  lastNode: string | undefined;
  #count = 0;

  constructor(placer: Placer) {
    this.placer = placer;
  }

  setNode(name: string, facts: Partial<Node>): void {
    const node = makeNode(name, facts);
    this.nodes.set(name, node);
    this.placer.ledger.upsertNode(node);
  }

  /** The next task, equal to others or with a need of its own. */
  next({ spec, pick }: Step): Task {
    this.#count += 1;
    const own = { image: 'nginx', cpu: ((pick % 150) + 1) / 100, memory: GIB + (pick % 7) };
    return makeTask(specs[spec] ?? own, { number: this.#count });
  }

  place(task: Task, node: string): void {
    this.lastNode = node;
    this.#set(placedOn(task, node));
  }

  apply({ kind, node, facts, pick }: Step): void {
    const placed = [...this.tasks.values()].filter(isPlaced);
    const task = placed[pick % Math.max(1, placed.length)];
    if (kind === 'node') this.setNode(node, facts);
    if (kind === 'remove' && this.nodes.delete(node)) this.placer.ledger.removeNode(node);
    if (task === undefined) return;
    if (kind === 'end') this.#set({ ...task, status: { ...task.status, state: 'failed' } });
    if (kind === 'publish') {
      const port = { container: 80, host: 8000 + (pick % 3), protocol: 'tcp', address: '::' };
      const ports = [{ ...port, protocol: 'tcp' as const }];
      this.#set({ ...task, status: { ...task.status, state: 'running', ports } });
    }
  }

  #set(task: Task): void {
    this.tasks.set(task.id, task);
    this.placer.ledger.update(task);
  }
}

/** Several stretches of rows. */
const manyCount = 700;

/** How full nodes are that are alike: some are fuller by cores, some by memory. */
const manyKinds = [
  undefined,
  { cpu: 0, memory: GIB, disk: 0 },
  { cpu: 1, memory: 0, disk: 0 },
  { cpu: 1, memory: GIB, disk: GIB },
];

const manyStepArbitrary = fc.record({
  cpu: fc.constantFrom(0.01, 0.02, 0.05, 3.5, 4),
  memory: fc.constantFrom(6, 12, 24, 7 * 1024).map((amount) => amount * 1024 ** 2),
  place: fc.nat(manyCount - 1),
  facts: fc.option(fc.oneof(fc.constant({}), oddFactsArbitrary)),
  doesEnd: fc.boolean(),
  pick: fc.nat(),
});

const always = { rowCountMin: 1, rowsPerChange: 0 };
const never = { rowCountMin: Number.POSITIVE_INFINITY, rowsPerChange: 1 };
const asItIs = { rowCountMin: 1, rowsPerChange: 3 };

describe.each(schedulerNames)('%s over columns', (name) => {
  const scheduler = createScheduler(name);

  it.each([
    ['from its class each time', always],
    ['by a scan each time', never],
    ['from its class where it is up to date', asItIs],
  ])('decides as the three phases do, %s', (_, limits) => {
    const setup = fc.record({
      nodes: fc.array(factsArbitrary, { maxLength: nodeCount, size: 'max' }),
      steps: fc.array(stepArbitrary, { minLength: 1, maxLength: 30 }),
    });
    fc.assert(
      fc.property(setup, ({ nodes, steps }) => {
        const told = new Told(new Placer(scheduler, limits));
        for (const [number, facts] of nodes.entries()) told.setNode(`node-${number}`, facts);
        for (const step of steps) {
          told.apply(step);
          const task = told.next(step);
          const { lastNode } = told;
          const snapshot = createSnapshot({
            nodes: told.nodes.values(),
            tasks: told.tasks.values(),
            lastNode,
          });
          const plain = decide(scheduler, task, snapshot);
          const placement = told.placer.decide(task, lastNode);
          expect(placement).toEqual(plain.placement);
          if (step.kind === 'place' && plain.chosen !== undefined) told.place(task, plain.chosen);
        }
      }),
      { numRuns: 120 },
    );
  });

  it('decides as the three phases do among many nodes, most of them alike', () => {
    const setup = fc.record({
      // Those at some places differ, so that stretches of rows are of every sort.
      kinds: fc.array(fc.nat(manyKinds.length - 1), { minLength: 1, maxLength: 5 }),
      steps: fc.array(manyStepArbitrary, { minLength: 1, maxLength: 20 }),
    });
    fc.assert(
      fc.property(setup, ({ kinds, steps }) => {
        const told = new Told(new Placer(scheduler, never));
        const nameOf = (place: number): string => `node-${String(place).padStart(4, '0')}`;
        for (let place = 0; place < manyCount; place += 1) {
          const observed = manyKinds[kinds[place % kinds.length] ?? 0];
          told.setNode(nameOf(place), observed === undefined ? {} : { observed });
        }
        for (const [index, { place, facts, doesEnd, pick, ...needs }] of steps.entries()) {
          if (facts !== null) told.setNode(nameOf(place), facts);
          if (doesEnd) told.apply({ kind: 'end', node: '', facts: {}, spec: 0, pick });
          const task = makeTask({ image: 'nginx', ...needs }, { number: index + 1 });
          const { lastNode } = told;
          const parts = { nodes: told.nodes.values(), tasks: told.tasks.values(), lastNode };
          const plain = decide(scheduler, task, createSnapshot(parts));
          expect(told.placer.decide(task, lastNode)).toEqual(plain.placement);
          if (plain.chosen !== undefined) told.place(task, plain.chosen);
        }
      }),
      { numRuns: 60 },
    );
  });
});
