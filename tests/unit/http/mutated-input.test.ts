import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { taskSpecSchema } from '../../../src/task/task-spec.ts';
import { openManager } from '../../support/http-doors.ts';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const seeds: readonly Json[] = [
  {
    name: 'web',
    image: 'nginx:1.27',
    env: { A: 'b', C: { secret: 'd' } },
    cpu: 0.5,
    memory: '256MiB',
    disk: 1024,
    ports: [
      { container: 80, host: 8080 },
      { container: 53, protocol: 'udp' },
    ],
    volumes: [{ name: 'data', target: '/data' }],
    binds: [{ source: '/srv', target: '/srv', readOnly: true }],
    labels: { tier: 'web' },
    restart: { policy: 'always', attempts: 3, window: '10m', delay: '1s', delayMax: '1m' },
    health: { http: { port: 80, path: '/' }, interval: '10s', timeout: '2s', retries: 2 },
    constraints: ['zone == eu'],
    stopSignal: 'SIGINT',
    stopTimeout: '5s',
    priority: 7,
    onNodeLost: 'wait',
  },
  { name: 'job', command: 'sleep', args: ['600'], restart: 'never' },
  {
    ID: '6be4cb6b-61d1-40cb-bc7b-9cacefefa60c',
    State: 1,
    Task: {
      Name: 'echo',
      Image: 'echo',
      ExposedPorts: { '80/tcp': {} },
      PortBindings: { '80/tcp': '8080' },
      HealthCheck: '/health',
      RestartPolicy: 'always',
    },
  },
];

const extremes: fc.Arbitrary<Json> = fc.constantFrom<Json[]>(
  null,
  true,
  false,
  0,
  -1,
  0.5,
  1e9,
  1e308,
  2 ** 53,
  -0,
  '',
  ' ',
  '\u0000',
  '\ud800',
  '🚀',
  '__proto__',
  '../..',
  '5',
  '-1s',
  '1e9h',
  'a'.repeat(5000),
  [],
  {},
  [[]],
  [null],
  { a: 1 },
  { secret: 'x' },
  ['x', 'x'],
  '1'.repeat(400),
);

/** Every place in a value, as the path that leads there. */
function placesOf(value: Json, path: (string | number)[] = []): (string | number)[][] {
  if (typeof value !== 'object' || value === null) return [path];
  const inner = Array.isArray(value) ? [...value.entries()] : Object.entries(value);
  return [path, ...inner.flatMap(([key, one]) => placesOf(one, [...path, key]))];
}

type Change = 'drop' | 'replace' | 'rename' | 'insert' | 'nest' | 'repeat';

function change(root: Json, path: readonly (string | number)[], how: [Change, Json]): Json {
  const copy = structuredClone(root);
  const [step, ...rest] = path;
  const [kind, value] = how;
  if (step === undefined)
    return kind === 'nest' ? { ...Object(copy), copy } : kind === 'replace' ? value : copy;
  const holder = Object(copy) as Record<string | number, Json>;
  if (rest.length > 0) {
    holder[step] = change(holder[step] ?? null, rest, how);
    return copy;
  }
  const before = holder[step] ?? null;
  if (kind === 'drop') Array.isArray(copy) ? copy.splice(Number(step), 1) : delete holder[step];
  if (kind === 'replace') holder[step] = value;
  if (kind === 'rename' && !Array.isArray(copy)) {
    delete holder[step];
    holder[typeof value === 'string' && value !== '__proto__' ? value : `${step}x`] = before;
  }
  if (kind === 'insert' && !Array.isArray(copy)) holder[`${step}2`] = value;
  if (kind === 'nest') holder[step] = [structuredClone(root)];
  if (kind === 'repeat')
    holder[step] = Array.isArray(before) ? [...before, ...before] : [before, before];
  return copy;
}

const mutated: fc.Arbitrary<Json> = fc
  .tuple(
    fc.constantFrom(...seeds),
    fc.array(
      fc.tuple(
        fc.nat(),
        fc.constantFrom<Change[]>('drop', 'replace', 'rename', 'insert', 'nest', 'repeat'),
        extremes,
      ),
      { minLength: 1, maxLength: 3 },
    ),
  )
  .map(([seed, changes]) =>
    changes.reduce<Json>((value, [at, kind, extreme]) => {
      const places = placesOf(value);
      return change(value, places[at % places.length] ?? [], [kind, extreme]);
    }, seed),
  );

const specFields = Object.keys(
  Object(
    z.toJSONSchema(taskSpecSchema, { io: 'input', unrepresentable: 'any' }).$defs?.['TaskSpec'],
  )['properties'],
);
const known = new Set([...specFields, 'id', 'ID', 'State', 'Timestamp', 'Task']);

/** The oracle: accepted and read back the same, or refused at a field that there is. */
function judge(input: Json, status: number, reply: Record<string, unknown>): void {
  if (status === 201) {
    const spec = taskSpecSchema.parse(reply['spec']);
    expect(JSON.parse(JSON.stringify(spec))).toEqual(reply['spec']);
    return;
  }
  expect([400, 422]).toContain(status);
  const field = reply['field'];
  expect(typeof field).toBe('string');
  const [first = ''] = String(field).split(/[.[]/);
  const own = typeof input === 'object' && input !== null ? Object.keys(input) : [];
  const isShortened = first === '' || String(field).startsWith('[');
  expect(isShortened || known.has(first) || own.includes(first)).toBe(true);
  expect(String(reply['got']).length).toBeLessThanOrEqual(80);
  expect(reply['want']).not.toBe('');
}

describe('a mutated submission', () => {
  it('is accepted and reads back, or is refused at a field that there is; never anything else', async () => {
    await using manager = await openManager();
    await fc.assert(
      fc.asyncProperty(mutated, async (input) => {
        const payload = JSON.stringify(input);
        const startedAt = performance.now();
        const reply = await manager.server.inject({ method: 'POST', url: '/tasks', payload });
        // No input may make the server think; a second is far above what a busy machine adds.
        expect(performance.now() - startedAt).toBeLessThan(1000);
        judge(input, reply.statusCode, reply.json());
      }),
      { numRuns: 1000 },
    );
    expect(manager.logger.lines.filter(({ level }) => level === 'error')).toEqual([]);
  });

  it('as bytes cut, doubled or overwritten anywhere gives no error of ours either', async () => {
    await using manager = await openManager();
    const bytes = fc
      .tuple(
        fc.constantFrom(...seeds),
        fc.nat(),
        fc.nat(255),
        fc.constantFrom('cut', 'set', 'double'),
      )
      .map(([seed, at, byte, kind]) => {
        const text = Buffer.from(JSON.stringify(seed));
        const index = at % text.length;
        if (kind === 'cut') return text.subarray(0, index);
        if (kind === 'double') return Buffer.concat([text.subarray(0, index), text]);
        text[index] = byte;
        return text;
      });
    await fc.assert(
      fc.asyncProperty(bytes, async (payload) => {
        const reply = await manager.server.inject({ method: 'POST', url: '/tasks', payload });
        expect([200, 201, 400, 409, 422]).toContain(reply.statusCode);
        expect(typeof reply.json()).toBe('object');
      }),
      { numRuns: 500 },
    );
  });
});
