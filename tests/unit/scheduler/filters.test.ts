import { describe, expect, it, test } from 'vitest';
import type { Node } from '../../../src/node/node.ts';
import { filterNodes } from '../../../src/scheduler/filter-nodes.ts';
import { bindFilter } from '../../../src/scheduler/filters/binds.ts';
import { constraintFilter } from '../../../src/scheduler/filters/constraints.ts';
import { clip, type Filter } from '../../../src/scheduler/filters/filter.ts';
import { judgeableFilter } from '../../../src/scheduler/filters/judgeable.ts';
import { livenessFilter } from '../../../src/scheduler/filters/liveness.ts';
import { portFilter } from '../../../src/scheduler/filters/ports.ts';
import { cpuFilter, diskFilter, memoryFilter } from '../../../src/scheduler/filters/resources.ts';
import { runtimeFilter } from '../../../src/scheduler/filters/runtime.ts';
import type { NodeSnapshot } from '../../../src/scheduler/scheduler.ts';
import type { Rejection } from '../../../src/task/placement.ts';
import type { TaskSpecInput } from '../../../src/task/task-spec.ts';
import { GIB, makeNode, makeNodeSnapshot, makeSnapshot, makeTask } from '../../support/cluster.ts';

interface Case {
  readonly when: string;
  readonly spec?: Partial<TaskSpecInput>;
  readonly node?: Partial<Node>;
  readonly promised?: Partial<Omit<NodeSnapshot, 'node'>>;
  readonly rejections: readonly Rejection[];
}

function table(filter: Filter, cases: readonly Case[]): void {
  test.each(cases)('$when', ({ spec, node, promised, rejections }) => {
    const candidate = makeNodeSnapshot(makeNode('n1', node), promised);
    expect(filter(makeTask(spec))(candidate)).toEqual(rejections);
  });
}

describe('liveness', () => {
  table(livenessFilter, [
    { when: 'accepts a node that is up', rejections: [] },
    {
      when: 'refuses a node that is down, with since when and why',
      node: { liveness: 'down', livenessReason: 'no heartbeat for 30s' },
      rejections: [
        {
          code: 'not-up',
          message: 'is down since 1970-01-01T00:00:00.000Z: no heartbeat for 30s',
          needed: 'up',
          available: 'down',
        },
      ],
    },
    {
      when: 'refuses a node that is unreachable',
      node: { liveness: 'unreachable' },
      rejections: [
        {
          code: 'not-up',
          message: 'is unreachable since 1970-01-01T00:00:00.000Z',
          needed: 'up',
          available: 'unreachable',
        },
      ],
    },
    {
      when: 'refuses a node that is draining',
      node: { draining: true },
      rejections: [{ code: 'draining', message: 'is draining and takes no new tasks' }],
    },
    {
      when: 'gives both reasons where a node is down and draining',
      node: { liveness: 'down', draining: true },
      rejections: [
        expect.objectContaining({ code: 'not-up' }),
        expect.objectContaining({ code: 'draining' }),
      ],
    },
  ]);
});

describe('runtime', () => {
  table(runtimeFilter, [
    { when: 'accepts a node that offers it', spec: { image: 'nginx' }, rejections: [] },
    {
      when: 'refuses a node that has never named it',
      spec: { image: 'nginx' },
      node: { runtimes: [{ name: 'process', available: true }] },
      rejections: [
        {
          code: 'runtime-missing',
          message: 'does not offer the runtime docker',
          needed: 'docker',
        },
      ],
    },
    {
      when: 'tells why a runtime is not available',
      spec: { image: 'nginx' },
      node: {
        runtimes: [{ name: 'docker', available: false, reason: 'no /var/run/docker.sock.' }],
      },
      rejections: [
        {
          code: 'runtime-missing',
          message: 'its runtime docker is not available: no /var/run/docker.sock',
          needed: 'docker',
        },
      ],
    },
    {
      when: 'does not mind another runtime that is missing',
      node: { runtimes: [{ name: 'process', available: true }] },
      rejections: [],
    },
  ]);
});

describe('constraints', () => {
  const eu = { labels: { zone: 'eu' } };
  table(constraintFilter, [
    { when: 'accepts every node for a task without constraints', rejections: [] },
    {
      when: 'accepts a label with that value',
      spec: { constraints: ['zone == eu'] },
      node: eu,
      rejections: [],
    },
    {
      when: 'refuses a label with another value, and tells it',
      spec: { constraints: ['zone == us'] },
      node: eu,
      rejections: [
        {
          code: 'constraint-unmet',
          message: 'needs zone == us, but the node has zone == eu',
          needed: 'zone == us',
          available: 'eu',
        },
      ],
    },
    {
      when: 'refuses a label that is not there',
      spec: { constraints: ['disk.type == ssd'] },
      node: eu,
      rejections: [
        {
          code: 'constraint-unmet',
          message: 'needs disk.type == ssd, but the node has no label disk.type',
          needed: 'disk.type == ssd',
        },
      ],
    },
    {
      when: 'refuses a label that must differ and does not',
      spec: { constraints: ['zone != eu'] },
      node: eu,
      rejections: [
        {
          code: 'constraint-unmet',
          message: 'needs zone != eu, but the node has zone == eu',
          needed: 'zone != eu',
          available: 'eu',
        },
      ],
    },
    {
      when: 'takes an absent label to differ from every value',
      spec: { constraints: ['zone != eu'] },
      rejections: [],
    },
    {
      when: 'knows the name of the node as node.name',
      spec: { constraints: ['node.name == n1'] },
      rejections: [],
    },
    {
      when: 'does not let a label pretend to be the name of the node',
      spec: { constraints: ['node.name == n2'] },
      node: { labels: { 'node.name': 'n2' } },
      rejections: [expect.objectContaining({ code: 'constraint-unmet', available: 'n1' })],
    },
    {
      when: 'does not take what every object has for a label',
      spec: { constraints: ['constructor != x', 'toString == y'] },
      rejections: [
        {
          code: 'constraint-unmet',
          message: 'needs toString == y, but the node has no label toString',
          needed: 'toString == y',
        },
      ],
    },
    {
      when: 'gives every constraint that is not met',
      spec: { constraints: ['zone == us', 'node.name == n1', 'rack == r7'] },
      node: eu,
      rejections: [
        expect.objectContaining({ needed: 'zone == us' }),
        expect.objectContaining({ needed: 'rack == r7' }),
      ],
    },
  ]);
});

describe('cores', () => {
  const committed = (cpu: number) => ({ committed: { cpu, memory: 0, disk: 0 } });
  table(cpuFilter, [
    {
      when: 'accepts what fits exactly',
      spec: { cpu: 1.5 },
      promised: committed(2.5),
      rejections: [],
    },
    {
      when: 'accepts a task without a request on a full node',
      promised: committed(4),
      rejections: [],
    },
    {
      when: 'refuses with what is needed and what is free',
      spec: { cpu: 2 },
      promised: committed(2.6),
      rejections: [
        {
          code: 'cpu-short',
          message: 'needs 2 cores, 1.4 of 4 are free',
          needed: 2,
          available: 1.4,
        },
      ],
    },
    {
      when: 'refuses a request that is one milli-core too large',
      spec: { cpu: 1 },
      promised: committed(3.001),
      rejections: [
        {
          code: 'cpu-short',
          message: 'needs 1 core, 0.999 of 4 are free',
          needed: 1,
          available: 0.999,
        },
      ],
    },
    {
      when: 'is not misled by sums of fractions',
      spec: { cpu: 0.3 },
      node: { capacity: { cpu: 0.6, memory: GIB, disk: 0 } },
      promised: committed(0.1 + 0.2),
      rejections: [],
    },
    {
      when: 'accepts a request for all of a capacity that is no exact binary fraction',
      spec: { cpu: 1.001 },
      node: { capacity: { cpu: 1.001, memory: GIB, disk: 0 } },
      rejections: [],
    },
    {
      when: 'says that nothing is free where more is promised than there is',
      spec: { cpu: 1 },
      promised: committed(5),
      rejections: [
        { code: 'cpu-short', message: 'needs 1 core, 0 of 4 are free', needed: 1, available: 0 },
      ],
    },
    {
      when: 'looks at promises and not at measured use',
      spec: { cpu: 4 },
      node: { observed: { cpu: 4, memory: 0, disk: 0 } },
      rejections: [],
    },
  ]);
});

describe('memory', () => {
  const committed = (memory: number) => ({ committed: { cpu: 0, memory, disk: 0 } });
  table(memoryFilter, [
    { when: 'accepts what fits exactly', spec: { memory: '16GiB' }, rejections: [] },
    {
      when: 'refuses with what is needed and what is free',
      spec: { memory: '4GiB' },
      promised: committed(12.8 * GIB),
      rejections: [
        {
          code: 'memory-short',
          message: 'needs 4 GiB of memory, 3.2 GiB of 16 GiB are free',
          needed: 4 * GIB,
          available: 16 * GIB - 12.8 * GIB,
        },
      ],
    },
    {
      when: 'counts every byte where rounding would hide what is short',
      spec: { memory: '4GiB' },
      promised: committed(12 * GIB + 1),
      rejections: [
        {
          code: 'memory-short',
          message:
            'needs 4294967296 bytes of memory, 4294967295 bytes of 17179869184 bytes are free',
          needed: 4_294_967_296,
          available: 4_294_967_295,
        },
      ],
    },
  ]);
});

describe('disk', () => {
  table(diskFilter, [
    { when: 'accepts what fits', spec: { disk: '100GiB' }, rejections: [] },
    {
      when: 'refuses where the node has none',
      spec: { disk: '1GiB' },
      node: { capacity: { cpu: 4, memory: GIB, disk: 0 } },
      rejections: [
        {
          code: 'disk-short',
          message: 'needs 1 GiB of disk, 0 B of 0 B are free',
          needed: GIB,
          available: 0,
        },
      ],
    },
  ]);
});

describe('ports', () => {
  const held = { ports: new Set(['tcp/8080', 'udp/53']) };
  table(portFilter, [
    {
      when: 'accepts a port that is free',
      spec: { image: 'nginx', ports: [{ container: 80, host: 8081 }] },
      promised: held,
      rejections: [],
    },
    {
      when: 'accepts a host port that the runtime chooses',
      spec: { image: 'nginx', ports: [{ container: 8080 }] },
      promised: held,
      rejections: [],
    },
    {
      when: 'tells tcp and udp apart',
      spec: { image: 'nginx', ports: [{ container: 53, host: 53 }] },
      promised: held,
      rejections: [],
    },
    {
      when: 'gives every port that is taken, whatever the address',
      spec: {
        image: 'nginx',
        ports: [
          { container: 80, host: 8080, address: '0.0.0.0' },
          { container: 81, host: 8081 },
          { container: 53, host: 53, protocol: 'udp' },
        ],
      },
      promised: held,
      rejections: [
        {
          code: 'port-taken',
          message: 'needs port tcp/8080, but another task there holds it',
          needed: 'tcp/8080',
        },
        {
          code: 'port-taken',
          message: 'needs port udp/53, but another task there holds it',
          needed: 'udp/53',
        },
      ],
    },
    {
      when: 'takes the port of a process for a port of the node',
      spec: { ports: [{ container: 8080 }] },
      promised: held,
      rejections: [expect.objectContaining({ code: 'port-taken', needed: 'tcp/8080' })],
    },
  ]);
});

describe('binds', () => {
  const binding = (source: string): Partial<TaskSpecInput> => ({
    image: 'nginx',
    binds: [{ source, target: '/data' }],
  });
  const srv = { bindRoots: ['/srv/'] };
  table(bindFilter, [
    { when: 'accepts every node for a task without binds', rejections: [] },
    { when: 'accepts a root itself', spec: binding('/srv'), node: srv, rejections: [] },
    {
      when: 'accepts a folder below a root however it is written',
      spec: binding('//srv/./site/'),
      node: srv,
      rejections: [],
    },
    {
      when: 'accepts all where the root is /',
      spec: binding('/etc'),
      node: { bindRoots: ['/'] },
      rejections: [],
    },
    {
      when: 'refuses a folder that only begins like a root',
      spec: binding('/srv-private'),
      node: srv,
      rejections: [
        {
          code: 'bind-not-allowed',
          message: 'needs the folder /srv-private, but the node allows only folders below /srv/',
          needed: '/srv-private',
        },
      ],
    },
    {
      when: 'refuses every folder where there are no roots',
      spec: binding('/srv'),
      rejections: [
        {
          code: 'bind-not-allowed',
          message: 'needs the folder /srv, but the node allows no host folders',
          needed: '/srv',
        },
      ],
    },
    {
      when: 'does not trust a root that leads upwards or is not absolute',
      spec: binding('/srv/site'),
      node: { bindRoots: ['/srv/../srv', 'srv', ''] },
      rejections: [expect.objectContaining({ code: 'bind-not-allowed' })],
    },
    {
      when: 'names a folder once and only a few of many roots',
      spec: {
        image: 'nginx',
        binds: [
          { source: '/x', target: '/a' },
          { source: '/x', target: '/b' },
        ],
      },
      node: { bindRoots: ['/a', '/b', '/c', '/d', '/e'] },
      rejections: [
        {
          code: 'bind-not-allowed',
          message:
            'needs the folder /x, but the node allows only folders below /a, /b, /c and 2 more',
          needed: '/x',
        },
      ],
    },
  ]);
});

describe('judgeable', () => {
  const unknown = (what: string, value: string): Rejection => ({
    code: 'not-judgeable',
    message: `cannot be judged: its ${what} is not known (${value})`,
    available: value,
  });
  const capacity = { cpu: 4, memory: GIB, disk: GIB };
  const committed = { cpu: 0, memory: 0, disk: 0 };
  table(judgeableFilter, [
    { when: 'accepts a node of which all is known', rejections: [] },
    {
      when: 'refuses a node without cores',
      node: { capacity: { ...capacity, cpu: 0 } },
      rejections: [unknown('capacity in cores', '0')],
    },
    {
      when: 'refuses amounts that are no numbers, naming each',
      node: { capacity: { ...capacity, cpu: Number.NaN, memory: Number.POSITIVE_INFINITY } },
      rejections: [unknown('capacity in cores', 'NaN'), unknown('capacity of memory', 'Infinity')],
    },
    {
      when: 'refuses a negative capacity',
      node: { capacity: { ...capacity, memory: -1 } },
      rejections: [unknown('capacity of memory', '-1')],
    },
    {
      when: 'refuses promises that are no numbers',
      promised: { committed: { cpu: Number.NaN, memory: Number.NaN, disk: 0 } },
      rejections: [
        unknown('number of promised cores', 'NaN'),
        unknown('amount of promised memory', 'NaN'),
      ],
    },
    {
      when: 'does not need to know of disk for a task that asks for none',
      node: { capacity: { ...capacity, disk: Number.NaN } },
      promised: { committed: { ...committed, disk: Number.NaN } },
      rejections: [],
    },
    {
      when: 'needs to know of disk for a task that asks for some',
      spec: { disk: '1MiB' },
      node: { capacity: { ...capacity, disk: Number.NaN } },
      promised: { committed: { ...committed, disk: Number.NaN } },
      rejections: [unknown('capacity of disk', 'NaN'), unknown('amount of promised disk', 'NaN')],
    },
  ]);
});

describe('all filters together', () => {
  it('collects every reason of every filter for each node', () => {
    const wreck = makeNode('n1', {
      liveness: 'down',
      draining: true,
      runtimes: [],
      capacity: { cpu: 1, memory: GIB, disk: GIB },
    });
    const task = makeTask({
      image: 'nginx',
      cpu: 2,
      memory: '2GiB',
      disk: '2GiB',
      ports: [{ container: 80, host: 80 }],
      constraints: ['zone == eu'],
      binds: [{ source: '/srv', target: '/srv' }],
    });
    const snapshot = makeSnapshot([
      makeNodeSnapshot(wreck, { ports: new Set(['tcp/80']) }),
      makeNode('n2', { labels: { zone: 'eu' }, bindRoots: ['/srv'] }),
    ]);
    const { feasible, rejected } = filterNodes(task, snapshot);
    expect(feasible.map(({ node }) => node.name)).toEqual(['n2']);
    expect(rejected.map(({ node }) => node)).toEqual(['n1']);
    expect(rejected[0]?.rejections.map(({ code }) => code)).toEqual([
      'not-up',
      'draining',
      'runtime-missing',
      'constraint-unmet',
      'cpu-short',
      'memory-short',
      'disk-short',
      'port-taken',
      'bind-not-allowed',
    ]);
  });

  it('refuses a node with an unknown capacity for that and not as short of it', () => {
    const snapshot = makeSnapshot([
      makeNode('n1', { capacity: { cpu: Number.NaN, memory: Number.NaN, disk: Number.NaN } }),
    ]);
    const task = makeTask({ cpu: 1, memory: '1GiB', disk: '1GiB' });
    const codes = filterNodes(task, snapshot).rejected[0]?.rejections.map(({ code }) => code);
    expect(new Set(codes)).toEqual(new Set(['not-judgeable']));
  });

  it('cuts foreign text to a length that a record can bear without splitting a character', () => {
    expect(clip('short')).toBe('short');
    expect(clip('x'.repeat(300))).toBe(`${'x'.repeat(199)}…`);
    expect(clip('😀'.repeat(300), 10).isWellFormed()).toBe(true);
  });
});
