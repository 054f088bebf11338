import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { CubeError, type InputIssue } from '../../../src/errors/cube-error.ts';
import { readJson } from '../../../src/errors/read-json.ts';
import { readSubmission } from '../../../src/task/read-submission.ts';
import { taskSpecSchema } from '../../../src/task/task-spec.ts';

function issuesOf(input: unknown): readonly InputIssue[] {
  try {
    readSubmission(input);
  } catch (error) {
    if (error instanceof CubeError && error.code === 'invalid-input') return error.issues;
    throw error;
  }
  return [];
}

const container = { name: 'web', image: 'nginx' };
const job = { name: 'job', command: 'sleep' };

const NAME = '1 to 63 letters, digits, "-", "_" or ".", beginning with a letter or digit';
const BYTES =
  'bytes as a whole number, or a number with a unit: k, m, g, t (= KiB, MiB, GiB, TiB), KB, MB, GB, TB';
const DURATION =
  'a duration with its unit, largest first, from ms, s, m, h, d: 500ms, 5s, 1m30s; from ';
const PORT = 'a whole number from 1 to 65535';
const TARGET = 'an absolute path in the container without "..", such as /data';
const ENV_VALUE =
  'a string of at most 32,768 characters without NUL, or {"secret": "…"} for one that is never shown';
const LABEL_KEY = 'a key of 1 to 63 letters, digits, "-", "_", "." or "/"; "cube." is reserved';
const RESTART = 'never, on-failure or always';
const CPU = 'cores as a number from 0.01 to 100000, such as 0.5';
const COMMAND = 'the program alone as a string, such as "sleep"; what follows it goes into "args"';
const CONSTRAINT =
  '"label == value" or "label != value", with label a node label or node.name, such as "zone == eu"';

/** Input, the field that is named, what is shown of what came, and what is wanted. */
type Row = readonly [input: object, field: string, got: string, want: string];

const rows: readonly Row[] = [
  [{ ...container, name: 'a b' }, 'name', '"a b"', NAME],
  [{ ...container, name: '' }, 'name', '""', NAME],
  [{ ...container, name: 'a'.repeat(64) }, 'name', `"${'a'.repeat(64)}"`, NAME],
  [{ ...container, name: 'a/b' }, 'name', '"a/b"', NAME],
  [{ ...container, name: 'a\u0000' }, 'name', '"a\\u0000"', NAME],
  [{ ...container, name: 'a\n' }, 'name', '"a\\n"', NAME],
  [{ ...container, name: '\u{1f680}' }, 'name', '"\u{1f680}"', NAME],
  [{ ...container, name: '\u200fa' }, 'name', '"\\u200fa"', NAME],
  [{ image: 'nginx' }, 'name', 'nothing', NAME],
  [{ ...container, runtime: 'podman' }, 'runtime', '"podman"', 'docker or process'],
  [
    { ...container, runtime: 'process' },
    'image',
    '"nginx"',
    'no image, since runtime is process; leave out one of the two',
  ],
  [{ ...job, runtime: 'docker' }, 'image', 'nothing', 'an image, since runtime is docker'],
  [
    { ...container, image: 'http://x' },
    'image',
    '"http://x"',
    'an image reference such as "nginx"',
  ],
  [{ ...container, pull: 'maybe' }, 'pull', '"maybe"', 'always, if-missing or never'],
  [{ ...job, command: ['sleep'] }, 'command', 'a list of 1', COMMAND],
  [{ ...job, command: '' }, 'command', '""', COMMAND],
  [{ ...job, command: 'a\u0000' }, 'command', '"a\\u0000"', COMMAND],
  [
    { ...job, command: 'sleep 600' },
    'command',
    '"sleep 600"',
    'the program alone; put what follows it into "args", one string each',
  ],
  [{ ...job, args: [600] }, 'args[0]', '600', 'a string of at most 32,768 characters without NUL'],
  [{ ...job, args: ['\ud800'] }, 'args[0]', '"\\ud800"', 'a string of at most 32,768 characters'],
  [{ ...job, env: { A: 1 } }, 'env.A', 'a number (not shown)', ENV_VALUE],
  [{ ...job, env: { '1A': 'x' } }, 'env["1A"]', '"1A"', 'a key of letters, digits and "_"'],
  [{ ...job, env: { 'A=B': 'x' } }, 'env["A=…"]', '"A=…"', 'a key of letters, digits and "_"'],
  [{ ...job, env: { '': 'x' } }, 'env[""]', '""', 'a key of letters, digits and "_"'],
  [
    { ...job, env: { A: 'x'.repeat(32_769) } },
    'env.A',
    'a string (not shown)',
    'a string of at most 32,768 characters without NUL',
  ],
  [{ ...job, env: { A: { secrett: 'x' } } }, 'env.A', 'an object', ENV_VALUE],
  [{ ...job, env: ['A=x'] }, 'env', 'a list of 1', 'an object of names and values'],
  [
    { ...job, env: Object.fromEntries(Array.from({ length: 501 }, (_, i) => [`K${i}`, 'x'])) },
    'env',
    'an object',
    'at most 500 entries',
  ],
  [{ ...job, cpu: 0 }, 'cpu', '0', CPU],
  [{ ...job, cpu: -1 }, 'cpu', '-1', CPU],
  [{ ...job, cpu: 0.0001 }, 'cpu', '0.0001', CPU],
  [{ ...job, cpu: '2 cores' }, 'cpu', '"2 cores"', CPU],
  [{ ...job, cpu: 1e9 }, 'cpu', '1000000000', CPU],
  [{ ...job, cpu: Number.NaN }, 'cpu', 'NaN', CPU],
  [{ ...job, cpu: Number.POSITIVE_INFINITY }, 'cpu', 'Infinity', CPU],
  [{ ...job, cpu: '0.5' }, 'cpu', '"0.5"', CPU],
  [
    { ...container, command: 'echo hi' },
    'command',
    '"echo hi"',
    'the program alone; put what follows it into "args", one string each',
  ],
  [
    { ...container, command: '/bin/sh -c true' },
    'command',
    '"/bin/sh -c true"',
    'the program alone; put what follows it into "args", one string each',
  ],
  [
    { ...job, env: { A: 'x'.repeat(1024 ** 2) } },
    'env.A',
    'a string (not shown)',
    'a string of at most 32,768 characters without NUL',
  ],
  [
    { ...job, env: Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`K${i}`, 'x'])) },
    'env',
    'an object',
    'at most 500 entries',
  ],
  [{ ...job, env: ['A=1', 'A=2'] }, 'env', 'a list of 2', 'an object of names and values'],
  [{ ...job, memory: '64 mb' }, 'memory', '"64 mb"', BYTES],
  [{ ...job, memory: '-1' }, 'memory', '"-1"', BYTES],
  [{ ...job, memory: '6 4m' }, 'memory', '"6 4m"', BYTES],
  [{ ...job, memory: '0x40' }, 'memory', '"0x40"', BYTES],
  [{ ...job, memory: 2 ** 53 }, 'memory', '9007199254740992', BYTES],
  [{ ...job, memory: '5MiB' }, 'memory', '"5MiB"', 'at least 6MiB, the least a container can have'],
  [{ ...job, disk: 0 }, 'disk', '0', `${BYTES}; at least 1 byte`],
  [{ ...container, ports: [{ container: 0 }] }, 'ports[0].container', '0', PORT],
  [{ ...container, ports: [{ container: '80' }] }, 'ports[0].container', '"80"', PORT],
  [{ ...container, ports: [{ container: 80.5 }] }, 'ports[0].container', '80.5', PORT],
  [{ ...container, ports: [{ container: 1, host: 65536 }] }, 'ports[0].host', '65536', PORT],
  [{ ...container, ports: [{ container: -1 }] }, 'ports[0].container', '-1', PORT],
  [
    { ...container, ports: ['tcp/80'] },
    'ports[0]',
    '"tcp/80"',
    'an object such as {"container": 80',
  ],
  [{ ...container, ports: { '80/tcp': {} } }, 'ports', 'an object', 'a list of ports'],
  [{ ...container, ports: ['80-90'] }, 'ports[0]', '"80-90"', 'an object such as {"container": 80'],
  [
    { ...container, ports: [{ container: 80, protocol: 'sctp' }] },
    'ports[0].protocol',
    '"sctp"',
    'tcp or udp',
  ],
  [
    { ...container, ports: [{ container: 80, address: 'example.org' }] },
    'ports[0].address',
    '"example.org"',
    'an IP address of the node',
  ],
  [
    {
      ...container,
      ports: [
        { container: 1, host: 80 },
        { container: 2, host: 80 },
      ],
    },
    'ports[1].host',
    '80',
    'a port of its own: ports[0] has tcp/80 already',
  ],
  [
    { ...job, ports: [{ container: 80, host: 81 }] },
    'ports[0].host',
    '81',
    '80, since a process listens on the node itself',
  ],
  [{ ...container, volumes: [{ name: 'a/b', target: '/x' }] }, 'volumes[0].name', '"a/b"', NAME],
  [{ ...container, volumes: [{ name: 'a', target: 'x' }] }, 'volumes[0].target', '"x"', TARGET],
  [{ ...job, volumes: [{ name: 'a', target: '/x' }] }, 'volumes', 'a list of 1', 'none: a process'],
  [
    { ...container, binds: [{ source: '/a/../etc', target: '/x' }] },
    'binds[0].source',
    '"/a/../etc"',
    'an absolute path on the node without "..", such as /srv/site',
  ],
  [
    {
      ...container,
      binds: [
        { source: '/a', target: '/x' },
        { source: '/b', target: '/x' },
      ],
    },
    'binds[1].target',
    '"/x"',
    'a target of its own: another mount has it already',
  ],
  [{ ...job, labels: { 'cube.x': '1' } }, 'labels["cube.x"]', '"cube.x"', LABEL_KEY],
  [{ ...job, labels: { constructor: '1' } }, 'labels.constructor', '"constructor"', LABEL_KEY],
  [{ ...job, labels: { a: '\ud800' } }, 'labels.a', '"\\ud800"', 'a string of at most 4,096'],
  [
    { ...job, labels: { a: 'x'.repeat(65_536) } },
    'labels.a',
    `"${'x'.repeat(77)}…"`,
    'at most 4,096',
  ],
  [
    { ...job, labels: Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`k${i}`, 'x'])) },
    'labels',
    'an object',
    'at most 100 entries',
  ],
  [{ ...job, restart: 'sometimes' }, 'restart', '"sometimes"', RESTART],
  [{ ...job, restart: { attempts: -1 } }, 'restart.attempts', '-1', 'a whole number from 0'],
  [{ ...job, restart: { attempts: 1.5 } }, 'restart.attempts', '1.5', 'a whole number from 0'],
  [{ ...job, restart: { window: '0s' } }, 'restart.window', '"0s"', `${DURATION}1s to 30d`],
  [
    { ...job, restart: { delay: '10m' } },
    'restart.delay',
    '"10m"',
    'at most delayMax, which is 5m',
  ],
  [
    { ...job, restart: { delay: 'a'.repeat(100) } },
    'restart.delay',
    `"${'a'.repeat(77)}…"`,
    `${DURATION}0s to 1d`,
  ],
  [
    { ...job, health: { command: ['true'], timeout: 'a'.repeat(100) } },
    'health.timeout',
    `"${'a'.repeat(77)}…"`,
    `${DURATION}50ms to 10m`,
  ],
  [{ ...job, health: {} }, 'health', 'an object', 'exactly one of http, tcp and command'],
  [
    { ...container, ports: [{ container: 80 }], health: { http: { port: 80 }, tcp: { port: 80 } } },
    'health',
    'an object',
    'exactly one of http, tcp and command',
  ],
  [
    { ...container, health: { http: { port: 80 } } },
    'health.http.port',
    '80',
    'the container port of one of "ports", with protocol tcp',
  ],
  [
    { ...container, ports: [{ container: 80 }], health: { http: { port: 80, path: 'http://x/' } } },
    'health.http.path',
    '"http://x/"',
    'a path beginning with "/"',
  ],
  [
    { ...container, ports: [{ container: 80 }], health: { http: { port: 80, path: '/a\r\nb' } } },
    'health.http.path',
    '"/a\\r\\nb"',
    'a path beginning with "/"',
  ],
  [
    { ...job, health: { command: ['true'], interval: '2s', timeout: '2s' } },
    'health.timeout',
    '"2s"',
    'less than interval, which is 2s',
  ],
  [
    { ...job, health: { command: ['true'], interval: '1ms' } },
    'health.interval',
    '"1ms"',
    `${DURATION}100ms to 1h`,
  ],
  [
    { ...job, health: { command: ['true'], retries: 0 } },
    'health.retries',
    '0',
    'a whole number from 1 to 100',
  ],
  [
    { ...job, health: { command: ['true'], interval: '1y' } },
    'health.interval',
    '"1y"',
    `${DURATION}100ms to 1h`,
  ],
  [
    { ...job, health: { command: ['true'], interval: 0 } },
    'health.interval',
    '0',
    'Seconds? Write 5s',
  ],
  [{ ...job, constraints: ['zone == /eu.*/'] }, 'constraints[0]', '"zone == /eu.*/"', CONSTRAINT],
  [{ ...job, constraints: ['zone ~ eu'] }, 'constraints[0]', '"zone ~ eu"', CONSTRAINT],
  [{ ...job, constraints: [''] }, 'constraints[0]', '""', CONSTRAINT],
  [{ ...job, constraints: ['a b == c'] }, 'constraints[0]', '"a b == c"', CONSTRAINT],
  [
    { ...job, constraints: Array(33).fill('a == b') },
    'constraints',
    'a list of 33',
    'at most 32 constraints',
  ],
  [{ ...job, stopSignal: 'SIGFOO' }, 'stopSignal', '"SIGFOO"', 'one of SIGTERM, SIGINT'],
  [{ ...job, stopSignal: 9 }, 'stopSignal', '9', 'one of SIGTERM, SIGINT'],
  [{ ...job, stopSignal: 0 }, 'stopSignal', '0', 'one of SIGTERM, SIGINT'],
  [{ ...job, stopSignal: 65 }, 'stopSignal', '65', 'one of SIGTERM, SIGINT'],
  [{ ...job, stopSignal: 'KILL ' }, 'stopSignal', '"KILL "', 'one of SIGTERM, SIGINT'],
  [{ ...job, stopTimeout: '1d' }, 'stopTimeout', '"1d"', `${DURATION}0s to 1h`],
  [{ ...job, stopTimeout: 5 }, 'stopTimeout', '5', 'Seconds? Write 5s'],
  [{ ...job, stopTimeout: '5' }, 'stopTimeout', '"5"', 'Seconds? Write 5s'],
  [{ ...job, stopTimeout: '5 minutes' }, 'stopTimeout', '"5 minutes"', DURATION],
  [{ ...job, stopTimeout: '-1s' }, 'stopTimeout', '"-1s"', DURATION],
  [{ ...job, stopTimeout: '1e9h' }, 'stopTimeout', '"1e9h"', DURATION],
  [{ ...job, priority: -1 }, 'priority', '-1', 'a whole number from 0 to 100'],
  [{ ...job, priority: 101 }, 'priority', '101', 'a whole number from 0 to 100'],
  [{ ...job, priority: 'high' }, 'priority', '"high"', 'a whole number from 0 to 100'],
  [{ ...job, onNodeLost: 'maybe' }, 'onNodeLost', '"maybe"', 'replace or wait'],
  [{ ...container, privileged: true }, 'privileged', 'true', 'containers are never privileged'],
  [{ ...container, capAdd: ['ALL'] }, 'capAdd', 'a list of 1', 'no capabilities beyond those'],
  [{ ...container, devices: ['/dev/kvm'] }, 'devices', 'a list of 1', 'see no devices of the node'],
  [{ ...container, network: 'host' }, 'network', '"host"', 'publish what others need with "ports"'],
  [{ ...container, pid: 'host' }, 'pid', '"host"', 'see no processes but their own'],
  [{ ...container, user: 0 }, 'user', '0', 'runs as the user of its image'],
  [{ ...job, env: { A: { secretRef: 'x' } } }, 'env.A', 'an object', ENV_VALUE],
  [{ ...job, StartTime: 'x' }, 'StartTime', '"x"', 'no such field'],
  [{ ...job, imagee: 'x' }, 'imagee', '"x"', 'no such field; did you mean image?'],
  [{ ...job, Image: 'x' }, 'Image', '"x"', 'no such field; did you mean image?'],
  [{ ...job, id: 'x' }, 'id', '"x"', 'a UUID that is not all zeros'],
  [
    { ...job, id: '00000000-0000-0000-0000-000000000000' },
    'id',
    '"00000000-0000-0000-0000-000000000000"',
    'a UUID that is not all zeros',
  ],
];

describe('a task spec with one bad value', () => {
  it.each(rows.map((row) => [`${row[1]}: ${row[2].slice(0, 40)}`, row] as const))(
    'is refused at %s',
    (_, [input, field, got, want]) => {
      const issues = issuesOf(input);
      expect(issues).toHaveLength(1);
      expect(issues[0]).toMatchObject({ field, got });
      expect(issues[0]?.want).toContain(want);
    },
  );

  it('is tried here for every field that a spec has', () => {
    const schema = z.toJSONSchema(taskSpecSchema, { io: 'input', unrepresentable: 'any' });
    const definition = Object(schema.$defs?.['TaskSpec'])['properties'] as object;
    const tried = new Set(rows.map(([, field]) => field.split(/[.[]/)[0]));
    expect(Object.keys(definition).filter((field) => !tried.has(field))).toEqual([]);
  });
});

describe('a task spec', () => {
  it('that is empty is told both ways to be valid', () => {
    expect(issuesOf({}).map(({ field, want }) => [field, want])).toEqual([
      ['name', NAME],
      ['', '"image" for a container or "command" for a process'],
    ]);
  });

  it.each([
    ['64', 64, false],
    ['64m', 64 * 1024 ** 2, true],
    ['64MiB', 64 * 1024 ** 2, true],
    ['1.5g', 1.5 * 1024 ** 3, true],
    ['64MB', 64_000_000, true],
  ])('reads memory %j as the docs say', (memory, bytes, isEnough) => {
    const wish = isEnough ? readSubmission({ ...job, memory }) : undefined;
    if (wish?.kind === 'run') expect(wish.spec.memory).toBe(bytes);
    else expect(issuesOf({ ...job, memory })[0]?.want).toContain('at least 6MiB');
  });

  it('may override the command of an image', () => {
    const wish = readSubmission({ ...container, command: 'sleep', args: ['1'] });
    expect(wish).toMatchObject({ kind: 'run', spec: { runtime: 'docker', command: 'sleep' } });
  });

  it('may have a program in an image whose path has spaces', () => {
    const command = '/opt/My App/run';
    expect(readSubmission({ ...container, command })).toMatchObject({ spec: { command } });
  });

  it('may set variables that the loader and the shell obey', () => {
    const env = { LD_PRELOAD: '/x.so', PATH: '/bin' };
    expect(readSubmission({ ...container, env })).toMatchObject({ spec: { env } });
    expect(readSubmission({ ...job, env })).toMatchObject({ spec: { env } });
  });

  it.each([
    ['500ms', '500ms'],
    ['90s', '1m30s'],
    ['1m30s', '1m30s'],
    ['0s', '0s'],
    ['60m', '1h'],
  ])('reads the duration %j as %s', (stopTimeout, canonical) => {
    const wish = readSubmission({ ...job, stopTimeout });
    expect(wish).toMatchObject({ spec: { stopTimeout: canonical } });
  });

  it.each([
    ['{"name":"a","command":"b","cpu":1e400}', 'cpu', 'a number that can be held'],
    ['{"name":"a","command":"b","cpu":-1e400}', 'cpu', 'a number that can be held'],
    ['{"name":"a","command":"b","memory":9007199254740993}', 'memory', BYTES],
    ['{"name":"a","command":"b","env":{"__proto__":"x"}}', 'env.__proto__', 'another name'],
    ['{"name":"a","command":"b","env":{"A":"1","A":"2"}}', 'env.A', 'each field once'],
    ['{"name":"a","command":"b","health":{"http":{"prototype":1}}}', 'health.http.prototype', ''],
    ['{"name":"a","command":"b","args":["\\ud800"]}', 'args[0]', 'without NUL'],
    [
      `{"labels":${'{"a":'.repeat(20)}1${'}'.repeat(20)}}`,
      'labels',
      'at most 20 levels of nesting',
    ],
  ])('as the text %s is refused at %s', (text, field, want) => {
    const read = (): unknown => readSubmission(readJson(Buffer.from(text), 'The task'));
    expect(read).toThrowError(CubeError);
    try {
      read();
    } catch (error) {
      const [issue] = (error as CubeError).issues;
      expect(issue?.field.startsWith(field)).toBe(true);
      expect(issue?.want).toContain(want);
    }
  });

  it('normalises an id in upper case', () => {
    const id = '266592CD-960D-4091-981C-8C25C44B1018';
    expect(readSubmission({ ...job, id })).toMatchObject({ id: id.toLowerCase() });
  });

  it('keeps strings as they are, whatever their form of Unicode', () => {
    const args = ['e\u0301', '\ufeffx', '\u202e'];
    expect(readSubmission({ ...job, args })).toMatchObject({ spec: { args } });
  });

  it('reads back as itself once it is complete', () => {
    const input = fc.record(
      {
        name: fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,20}$/),
        command: fc.stringMatching(/^[a-z/]{1,20}$/),
        args: fc.array(fc.stringMatching(/^[ -~]{0,20}$/), { maxLength: 5 }),
        cpu: fc.double({ min: 0.01, max: 100, noNaN: true }),
        memory: fc.integer({ min: 6 * 1024 ** 2, max: 1024 ** 4 }),
        restart: fc.constantFrom('never', 'on-failure', 'always'),
        stopTimeout: fc.integer({ min: 0, max: 3_600_000 }).map((ms) => `${ms}ms`),
        env: fc.dictionary(fc.stringMatching(/^[A-Z_]{1,8}$/), fc.stringMatching(/^[ -~]{0,20}$/)),
        priority: fc.integer({ min: 0, max: 100 }),
      },
      { requiredKeys: ['name', 'command'] },
    );
    fc.assert(
      fc.property(input, (spec) => {
        const first = taskSpecSchema.parse(spec);
        expect(taskSpecSchema.parse(JSON.parse(JSON.stringify(first)))).toEqual(first);
      }),
    );
  });
});
