import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Node } from '../../../src/node/node.ts';
import { createSnapshot, Ledger } from '../../../src/scheduler/ledger.ts';
import type { ClusterSnapshot } from '../../../src/scheduler/scheduler.ts';
import { isPlaced, type Task } from '../../../src/task/task.ts';
import { GIB, makeNode, makeTask, placedOn } from '../../support/cluster.ts';

/** The sums as one would add them up on paper: slow and plain. */
function addUp(nodes: readonly Node[], tasks: readonly Task[]): unknown {
  const sorted = [...nodes].sort((a, b) => (a.name < b.name ? -1 : 1));
  return sorted.map((node) => {
    const placed = tasks.filter((task) => isPlaced(task) && task.status.node === node.name);
    const sum = (amount: (task: Task) => number): number =>
      placed.reduce((total, task) => total + amount(task), 0);
    return {
      node,
      committed: {
        cpu: sum(({ spec }) => Math.round((spec.cpu ?? 0) * 1000)) / 1000,
        memory: sum(({ spec }) => spec.memory ?? 0),
        disk: sum(({ spec }) => spec.disk ?? 0),
      },
      taskCount: placed.length,
      withoutRequest: {
        cpu: placed.filter(({ spec }) => spec.cpu === undefined).length,
        memory: placed.filter(({ spec }) => spec.memory === undefined).length,
      },
      ports: new Set(
        placed.flatMap((task) => [
          ...task.spec.ports.flatMap(({ protocol, host }) =>
            host === undefined ? [] : [`${protocol}/${host}`],
          ),
          ...(task.status.ports ?? []).map(({ protocol, host }) => `${protocol}/${host}`),
        ]),
      ),
    };
  });
}

const nodeNames = ['n1', 'n2', 'n3', 'n4'];
const taskCount = 12;

const specs = Array.from({ length: taskCount }, (_, number) =>
  makeTask(
    {
      image: 'nginx',
      ...(number % 3 === 0 ? {} : { cpu: 0.1 * number }),
      ...(number % 4 === 0 ? {} : { memory: 7_000_001 * number }),
      ...(number % 5 === 0 ? { disk: 1 + number } : {}),
      ...(number % 2 === 0 ? { ports: [{ container: 80, host: 8000 + (number % 6) }] } : {}),
    },
    { number },
  ),
);

const stepArbitrary = fc.record({
  kind: fc.constantFrom('place', 'publish', 'end', 'upsert', 'remove', 'look'),
  task: fc.nat(taskCount - 1),
  node: fc.constantFrom(...nodeNames),
  draining: fc.boolean(),
});

type Step = typeof stepArbitrary extends fc.Arbitrary<infer One> ? One : never;

/** A ledger and, beside it, what it is to be equal to. */
class Pair {
  readonly ledger = new Ledger();
  readonly nodes = new Map<string, Node>();
  readonly tasks: Task[] = [...specs];

  take({ kind, task: index, node, draining }: Step): void {
    const task = this.tasks[index] ?? expect.fail('there is such a task');
    if (kind === 'place') this.#set(index, placedOn(task, node));
    if (kind === 'publish' && isPlaced(task)) {
      const port = { container: 80, host: 30_000 + index, protocol: 'tcp', address: '::' } as const;
      this.#set(index, { ...task, status: { ...task.status, state: 'running', ports: [port] } });
    }
    if (kind === 'end') this.#set(index, { ...task, status: { ...task.status, state: 'failed' } });
    if (kind === 'upsert') {
      this.nodes.set(node, makeNode(node, { draining }));
      this.ledger.upsertNode(makeNode(node, { draining }));
    }
    if (kind === 'remove') {
      this.nodes.delete(node);
      this.ledger.removeNode(node);
    }
    if (kind === 'look') this.ledger.snapshot();
  }

  expectEqual(): void {
    const nodes = [...this.nodes.values()];
    const expected = addUp(nodes, this.tasks);
    expect(this.ledger.snapshot('n2')).toEqual({ nodes: expected, lastNode: 'n2' });
    const anew = createSnapshot({ nodes, tasks: this.tasks, lastNode: undefined });
    expect(anew.nodes).toEqual(expected);
  }

  #set(index: number, task: Task): void {
    this.tasks[index] = task;
    this.ledger.update(task);
  }
}

describe('the ledger', () => {
  it('equals the sums over all tasks after any operations', () => {
    fc.assert(
      fc.property(fc.array(stepArbitrary, { maxLength: 60 }), (steps) => {
        const pair = new Pair();
        for (const step of steps) pair.take(step);
        pair.expectEqual();
      }),
      { numRuns: 300 },
    );
  });

  it('is left with exactly nothing when all tasks have ended, however often that happens', () => {
    const ledger = new Ledger();
    ledger.upsertNode(makeNode('n1'));
    for (let round = 0; round < 1000; round += 1) {
      for (const task of specs) ledger.reserve(placedOn(task, 'n1'));
      for (const task of specs.toReversed()) ledger.release(task);
    }
    expect(ledger.snapshot().nodes[0]).toEqual({
      node: makeNode('n1'),
      committed: { cpu: 0, memory: 0, disk: 0 },
      taskCount: 0,
      withoutRequest: { cpu: 0, memory: 0 },
      ports: new Set(),
    });
  });

  it('changes nothing when it is told the same again', () => {
    const ledger = new Ledger();
    ledger.upsertNode(makeNode('n1'));
    const task = placedOn(makeTask({ cpu: 1, memory: '1GiB' }), 'n1');
    ledger.reserve(task);
    const first = ledger.snapshot();
    ledger.reserve(task);
    expect(ledger.snapshot().nodes).toBe(first.nodes);
    ledger.release(task);
    ledger.release(task);
    expect(ledger.snapshot().nodes[0]?.taskCount).toBe(0);
  });

  it('never changes a snapshot that it has given', () => {
    const ledger = new Ledger();
    ledger.upsertNode(makeNode('n1'));
    ledger.upsertNode(makeNode('n2'));
    const task = makeTask({ image: 'nginx', cpu: 1, ports: [{ container: 80, host: 80 }] });
    ledger.reserve(placedOn(task, 'n1'));
    const before = ledger.snapshot();
    const copy = structuredClone(before) satisfies ClusterSnapshot;
    ledger.release(task);
    ledger.upsertNode(makeNode('n0'));
    ledger.upsertNode(makeNode('n2', { draining: true }));
    ledger.snapshot();
    ledger.removeNode('n1');
    ledger.snapshot();
    expect(before).toEqual(copy);
  });

  it('gives back what has not changed as the same value', () => {
    const ledger = new Ledger();
    for (const name of nodeNames) ledger.upsertNode(makeNode(name));
    const before = ledger.snapshot().nodes;
    ledger.reserve(placedOn(makeTask({ cpu: 1 }), 'n2'));
    const after = ledger.snapshot().nodes;
    expect(after.map((one, index) => one === before[index])).toEqual([true, false, true, true]);
    ledger.upsertNode(makeNode('n0'));
    expect(ledger.snapshot().nodes.slice(1)).toEqual(after);
    expect(ledger.snapshot().nodes[2]).toBe(after[1]);
  });

  it('counts an attempt that is placed anew only where it is now', () => {
    const ledger = new Ledger();
    for (const name of ['n1', 'n2']) ledger.upsertNode(makeNode(name));
    const first = placedOn(makeTask({ cpu: 2, memory: 2 * GIB }), 'n1');
    ledger.reserve(first);
    ledger.reserve(placedOn(first, 'n2'));
    expect(ledger.snapshot().nodes.map(({ committed }) => committed.cpu)).toEqual([0, 2]);
  });

  it('counts a request of a fraction of a milli-core up', () => {
    const ledger = new Ledger();
    ledger.upsertNode(makeNode('n1'));
    ledger.reserve(placedOn(makeTask({ cpu: 0.0333 }), 'n1'));
    expect(ledger.snapshot().nodes[0]?.committed.cpu).toBe(0.034);
  });

  it('keeps a port taken until the last of two holders has let go', () => {
    const ledger = new Ledger();
    ledger.upsertNode(makeNode('n1'));
    const spec = { ports: [{ container: 8080 }] };
    const [a, b] = [makeTask(spec, { number: 1 }), makeTask(spec, { number: 2 })];
    ledger.reserve(placedOn(a, 'n1'));
    ledger.reserve(placedOn(b, 'n1'));
    ledger.release(a);
    expect(ledger.snapshot().nodes[0]?.ports).toEqual(new Set(['tcp/8080']));
    ledger.release(b);
    expect(ledger.snapshot().nodes[0]?.ports).toEqual(new Set());
  });

  it('refuses to reserve for a task that is not placed', () => {
    expect(() => new Ledger().reserve(makeTask())).toThrow('is placed on a node');
  });
});
