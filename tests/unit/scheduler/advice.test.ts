import { describe, expect, it, test } from 'vitest';
import type { Node } from '../../../src/node/node.ts';
import { advise } from '../../../src/scheduler/advice.ts';
import { decide } from '../../../src/scheduler/decide.ts';
import { epvm } from '../../../src/scheduler/policies/epvm.ts';
import type { NodeSnapshot } from '../../../src/scheduler/scheduler.ts';
import type { TaskSpecInput } from '../../../src/task/task-spec.ts';
import { GIB, makeNode, makeNodeSnapshot, makeSnapshot, makeTask } from '../../support/cluster.ts';

function adviceOn(
  spec: Partial<TaskSpecInput>,
  nodes: readonly (Node | NodeSnapshot)[],
): readonly string[] {
  const snapshot = makeSnapshot(nodes);
  const task = makeTask(spec);
  return advise(task, snapshot, decide(epvm, task, snapshot).verdicts());
}

const holding = (name: string, memory: number): NodeSnapshot =>
  makeNodeSnapshot(makeNode(name), { committed: { cpu: 0, memory, disk: 0 } });

interface Case {
  readonly when: string;
  readonly spec: Partial<TaskSpecInput>;
  readonly nodes: readonly (Node | NodeSnapshot)[];
  readonly advice: readonly string[];
}

describe('advice on a waiting task', () => {
  test.each<Case>([
    {
      when: 'says how to start a node where there is none',
      spec: {},
      nodes: [],
      advice: ['No node has joined yet: start one with "cube worker --manager URL".'],
    },
    { when: 'is empty where a node can take it', spec: {}, nodes: [makeNode('n1')], advice: [] },
    {
      when: 'names the freest node where memory is short',
      spec: { memory: '4GiB' },
      nodes: [holding('n1', 12.8 * GIB), holding('n2', 15 * GIB)],
      advice: [
        'It needs 4 GiB of memory; the freest node that would do, n1, has 3.2 GiB of memory free: ' +
          'stop a task there, ask for less, or add a node.',
      ],
    },
    {
      when: 'says that waiting is in vain where the task is larger than every node',
      spec: { cpu: 8, disk: '200GiB' },
      nodes: [
        makeNode('n1', { capacity: { cpu: 2, memory: GIB, disk: Number.NaN } }),
        makeNode('n2'),
      ],
      advice: [
        'It needs 8 cores; the largest node, n2, has 4 cores in all: ask for less, or add a ' +
          'larger node.',
        'It needs 200 GiB of disk; the largest node, n2, has 100 GiB of disk in all: ask for less, ' +
          'or add a larger node.',
      ],
    },
    {
      when: 'names the label that no node has',
      spec: { constraints: ['zone == eu'] },
      nodes: [makeNode('n1'), makeNode('n2', { labels: { zone: 'us' } })],
      advice: [
        'No node has the label zone == eu: label a node ("cube worker --label zone=eu"), or change ' +
          'the constraint.',
      ],
    },
    {
      when: 'names the node that is not there',
      spec: { constraints: ['node.name == n7'] },
      nodes: [makeNode('n1')],
      advice: [
        'No node is named n7: start one with "cube worker --name n7", or change the constraint.',
      ],
    },
    {
      when: 'says that a constraint rules out every node',
      spec: { constraints: ['zone != eu'] },
      nodes: [makeNode('n1', { labels: { zone: 'eu' } })],
      advice: ['Every node is ruled out by zone != eu: add a node, or change the constraint.'],
    },
    {
      when: 'says that constraints are met apart but not together',
      spec: { constraints: ['zone == eu', 'rack == r1'] },
      nodes: [
        makeNode('n1', { labels: { zone: 'eu' } }),
        makeNode('n2', { labels: { rack: 'r1' } }),
      ],
      advice: [
        'No node meets all of zone == eu, rack == r1 at once, though each is met somewhere: label a ' +
          'node, or change the constraints.',
      ],
    },
    {
      when: 'passes on why a runtime is not available',
      spec: { image: 'nginx' },
      nodes: [
        makeNode('n1', { runtimes: [] }),
        makeNode('n2', {
          runtimes: [{ name: 'docker', available: false, reason: 'no socket.' }],
        }),
      ],
      advice: [
        'No node offers the runtime docker (n2 says: no socket): make it available on a node, or ' +
          'add a node that has it.',
      ],
    },
    {
      when: 'names nodes that only have to come back, and what is in the way elsewhere',
      spec: { memory: '8GiB' },
      nodes: [
        makeNode('n1', { liveness: 'down' }),
        makeNode('n2', { draining: true }),
        holding('n3', 15 * GIB),
        makeNodeSnapshot(makeNode('n4', { liveness: 'down' }), holding('n4', 15 * GIB)),
      ],
      advice: [
        'Node n1 could take it, but is down since 1970-01-01T00:00:00.000Z: start its worker ' +
          'again, or add a node.',
        'Node n2 could take it, but is draining and takes no new tasks: end its draining to use ' +
          'it, or add a node.',
        'It needs 8 GiB of memory; the freest node that would do, n3, has 1 GiB of memory free: ' +
          'stop a task there, ask for less, or add a node.',
      ],
    },
    {
      when: 'says so when no node takes tasks at all, naming only a few',
      spec: {},
      nodes: ['a', 'b', 'c', 'd', 'e'].map((name) => makeNode(name, { draining: true })),
      advice: [
        'No node takes tasks at the moment.',
        ...['a', 'b', 'c'].map(
          (name) =>
            `Node ${name} could take it, but is draining and takes no new tasks: end its draining ` +
            'to use it, or add a node.',
        ),
        'The same holds for 2 more nodes.',
      ],
    },
    {
      when: 'gives one sentence for each thing that alone is in the way',
      spec: {
        image: 'nginx',
        ports: [{ container: 80, host: 80 }],
        constraints: ['zone == eu'],
        binds: [{ source: '/srv', target: '/srv' }],
      },
      nodes: [
        makeNode('n1', { bindRoots: ['/srv'] }),
        makeNode('n2', { labels: { zone: 'eu' } }),
        makeNodeSnapshot(makeNode('n3', { labels: { zone: 'eu' }, bindRoots: ['/srv'] }), {
          ports: new Set(['tcp/80']),
        }),
        makeNode('n4', { labels: { zone: 'eu' }, bindRoots: ['/srv'], runtimes: [] }),
        makeNode('n5', {
          labels: { zone: 'eu' },
          bindRoots: ['/srv'],
          capacity: { cpu: 0, memory: GIB, disk: 0 },
        }),
      ],
      advice: [
        'On node n1 the task needs zone == eu, but the node has no label zone: change the labels ' +
          'of the node ("cube worker --label KEY=VALUE"), or the constraint.',
        'On node n2 the task needs the folder /srv, but the node allows no host folders: start its ' +
          'worker with "--allow-bind DIR" for that folder, or use a volume.',
        'Port tcp/80 is held by another task on n3: stop that task, use another host port, or add ' +
          'a node.',
        'Node n4 does not offer the runtime docker: make docker available there, or add a node ' +
          'that has it.',
        'Node n5 cannot be judged: its capacity in cores is not known (0): start its worker with ' +
          '"--cpu", "--memory" and "--disk".',
      ],
    },
    {
      when: 'gives everything in the way on the nearest node where it is never one thing alone',
      spec: { cpu: 2, memory: '8GiB', constraints: ['zone == eu'] },
      nodes: [
        makeNodeSnapshot(makeNode('n1'), {
          committed: { cpu: 3, memory: 10 * GIB, disk: 0 },
        }),
        makeNodeSnapshot(makeNode('n2', { labels: { zone: 'eu' } }), {
          committed: { cpu: 3, memory: 10 * GIB, disk: 0 },
        }),
      ],
      advice: [
        'Node n2 comes nearest, with 2 things in the way.',
        'It needs 2 cores; the freest node that would do, n2, has 1 core free: stop a task there, ' +
          'ask for less, or add a node.',
        'It needs 8 GiB of memory; the freest node that would do, n2, has 6 GiB of memory free: ' +
          'stop a task there, ask for less, or add a node.',
      ],
    },
  ])('$when', ({ spec, nodes, advice }) => {
    expect(adviceOn(spec, nodes)).toEqual(advice);
  });

  it('needs the verdict on every node', () => {
    expect(() => advise(makeTask(), makeSnapshot([makeNode('n1')]), [])).toThrow('verdict');
  });
});
