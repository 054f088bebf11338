import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { announcementSchema } from '../../src/link/protocol.ts';
import { isFieldOf } from './input-fields.ts';
import { extremes, type Json, mutated, mutatedText } from './mutations.ts';
import type { Answer, Ask, ServedManager } from './served-manager.ts';

/** What an oracle objects to, in words. */
export type Wrong = string;

/** A request, and what its body is as a value, where it is one. */
export interface MutatedRequest extends Ask {
  readonly kind: 'submission' | 'text' | 'announcement' | 'query' | 'header';
  readonly input?: Json;
}

const ID = '266592cd-960d-4091-981c-8c25c44b1018';

const submissions: readonly Json[] = [
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
  { id: ID, name: 'own-id', command: 'sleep' },
  {
    ID: '6be4cb6b-61d1-40cb-bc7b-9cacefefa60c',
    State: 1,
    Timestamp: '2021-12-01T00:00:00Z',
    Task: {
      ID,
      State: 0,
      Name: 'echo',
      Image: 'echo',
      Cpu: 0.5,
      Memory: 64 * 1024 ** 2,
      Disk: 1024 ** 3,
      ExposedPorts: { '80/tcp': {} },
      PortBindings: { '80/tcp': '8080' },
      HealthCheck: '/health',
      RestartPolicy: 'always',
      StartTime: '0001-01-01T00:00:00Z',
      ContainerID: '',
      HostPorts: null,
      RestartCount: 0,
    },
  },
  { State: 3, Task: { ID } },
];

const announcement: Json = {
  protocol: 1,
  facts: {
    id: '6be4cb6b-61d1-40cb-bc7b-9cacefefa60c',
    name: 'worker-1',
    address: 'http://127.0.0.1:5556',
    capacity: { cpu: 4, memory: 1024 ** 3, disk: 1024 ** 4 },
    labels: { zone: 'eu' },
    runtimes: [{ name: 'docker', available: true, version: '27' }],
    bindRoots: ['/srv'],
    version: '0.1.0',
  },
};

/** Method, path, and parameters as they are right. */
const questions: readonly (readonly [string, string, readonly (readonly [string, string])[]])[] = [
  [
    'GET',
    '/tasks',
    [
      ['state', 'running'],
      ['limit', '5'],
      ['label', 'a=b'],
      ['name', 'web'],
      ['node', 'n'],
    ],
  ],
  ['GET', '/tasks', [['cursor', 'WzEsIm90aGVyIl0']]],
  [
    'GET',
    '/events',
    [
      ['follow', 'false'],
      ['after', 'oldest'],
      ['task', ID],
      ['type', 'task-started'],
    ],
  ],
  [
    'GET',
    `/tasks/${ID}/logs`,
    [
      ['tail', '5'],
      ['follow', 'false'],
    ],
  ],
  ['GET', `/tasks/${ID}`, []],
  ['DELETE', `/tasks/${ID}`, []],
  ['GET', `/tasks/${ID}/events`, []],
  ['GET', `/tasks/${ID}/placement`, []],
  ['GET', '/nodes', []],
  ['GET', '/status', []],
];

const odd: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(...extremes.filter((one) => typeof one !== 'object').map(String)),
  fc.string({ maxLength: 20 }),
  fc.constantFrom('runing', '1e9', '9'.repeat(20), 'a=b=c', ',', 'oldest', ID.toUpperCase()),
);

const queries: fc.Arbitrary<MutatedRequest> = fc
  .record({
    question: fc.constantFrom(...questions),
    change: fc.constantFrom('value', 'name', 'twice', 'more', 'raw', 'path', 'method'),
    at: fc.nat(),
    text: odd,
  })
  .map(({ question: [method, path, parameters], change, at, text }) => {
    const pairs = parameters.map(([name, value]) => [name, value]);
    const pair = pairs[at % Math.max(1, pairs.length)];
    const well = text.toWellFormed();
    if (change === 'value' && pair !== undefined) pair[1] = well;
    if (change === 'name' && pair !== undefined) pair[0] = well;
    if (change === 'twice' && pair !== undefined) pairs.push([pair[0] ?? '', well]);
    if (change === 'more') pairs.push([well, well]);
    const steps = path.split('/');
    if (change === 'path') steps[1 + (at % (steps.length - 1))] = encodeURIComponent(well);
    // As somebody writes it who does not encode.
    const raw = change === 'raw' ? `&${well.replace(/[^!-~]/g, '%')}` : '';
    const search = `${new URLSearchParams(pairs as [string, string][])}${raw}`;
    return {
      kind: 'query',
      method: change === 'method' ? (['PUT', 'POST', 'HEAD', 'OPTIONS'][at % 4] ?? 'PUT') : method,
      target: `${steps.join('/')}${search === '' ? '' : `?${search}`}`,
    };
  });

const headerNames = [
  ...['content-type', 'accept', 'host', 'origin', 'sec-fetch-site', 'authorization'],
  ...[
    'content-encoding',
    'last-event-id',
    'expect',
    'x-request-id',
    'cookie',
    'range',
    'x-http-method-override',
  ],
] as const;

const headerValue: fc.Arbitrary<string> = fc.oneof(
  odd.map((text) => text.replace(/[^\t\u0020-\u007e]/g, '?')),
  fc.constantFrom(
    ...['application/json', 'text/html', 'application/json; charset=utf-16', 'gzip', 'null'],
    ...['http://evil.example', 'localhost', 'same-site', '100-continue', 'Bearer x', '*/*;q=0'],
    ...['multipart/form-data; boundary=x', 'text/event-stream', 'bytes=0-'],
  ),
);

const headed: fc.Arbitrary<MutatedRequest> = fc
  .tuple(
    fc.uniqueArray(fc.tuple(fc.constantFrom(...headerNames), headerValue), {
      minLength: 1,
      maxLength: 3,
      selector: ([name]) => name,
    }),
    fc.constantFrom('POST /tasks', 'GET /tasks', 'GET /events?follow=false', 'GET /status'),
  )
  .map(([headers, line]) => {
    const [method = '', target = ''] = line.split(' ');
    const input = { name: 'job', command: 'sleep' };
    const body = method === 'POST' ? { body: JSON.stringify(input), input } : {};
    return { kind: 'header', method, target, headers: Object.fromEntries(headers), ...body };
  });

function posted(kind: MutatedRequest['kind'], target: string): (input: Json) => MutatedRequest {
  return (input) => ({ kind, method: 'POST', target, body: JSON.stringify(input), input });
}

/** The same with another id in place of `ID`, which is soon one that was used. */
function withOwnIds(inputs: fc.Arbitrary<Json>): fc.Arbitrary<Json> {
  const ids = fc.oneof({ weight: 3, arbitrary: fc.uuid() }, fc.constant(ID));
  return fc
    .tuple(inputs, ids)
    .map(([input, id]) => JSON.parse(JSON.stringify(input).replaceAll(ID, id)));
}

/** Fields that are kept letter by letter; others are normalised, or hidden. */
const KEPT = [
  ...['name', 'image', 'command', 'args', 'cpu', 'labels', 'priority', 'stopSignal', 'onNodeLost'],
  ...['pull', 'runtime'],
];

/** Sends mutated requests, judges each reply, and knows what must be there afterwards. */
export class MutatedRequests {
  readonly arbitrary: fc.Arbitrary<MutatedRequest> = fc.oneof(
    { weight: 12, arbitrary: withOwnIds(mutated(submissions)).map(posted('submission', '/tasks')) },
    {
      weight: 3,
      arbitrary: mutatedText(submissions).map(
        (body): MutatedRequest => ({ kind: 'text', method: 'POST', target: '/tasks', body }),
      ),
    },
    { weight: 2, arbitrary: mutated([announcement]).map(posted('announcement', '/nodes')) },
    { weight: 4, arbitrary: queries },
    { weight: 2, arbitrary: headed },
  );
  readonly #served: ServedManager;
  /** The spec of every task that was accepted and not yet taken back, as it was told. */
  readonly #accepted = new Map<string, unknown>();
  #seenRevision = 0;

  constructor(served: ServedManager) {
    this.#served = served;
  }

  async send(
    request: MutatedRequest,
  ): Promise<{ readonly answer: Answer; readonly wrong: readonly Wrong[] }> {
    const answer = await this.#served.ask(request);
    const wrong: Wrong[] = [];
    if (answer.status >= 500) wrong.push(`status ${answer.status}: ${answer.text}`);
    else if (answer.status >= 400) wrong.push(...judgeRefusal(request, answer));
    else if (request.method === 'POST' && request.target === '/tasks')
      wrong.push(...(await this.#judgeAccepted(request, answer)));
    else if (request.kind === 'announcement') wrong.push(...(await this.#judgeJoined(request)));
    return { answer, wrong };
  }

  /** Tasks that are there and were not accepted, or the reverse, or are not as they were told. */
  async findHalfAccepted(): Promise<readonly Wrong[]> {
    const wrong: Wrong[] = [];
    const missing = new Set(this.#accepted.keys());
    for (const { id, spec, status } of await this.#allTasks()) {
      if (!missing.delete(id)) wrong.push(`${id} is there and was not accepted`);
      else if (!isDeepStrictEqual(spec, this.#accepted.get(id))) wrong.push(`${id} is another`);
      if (!['pending', 'completed'].includes(status.state)) wrong.push(`${id} is ${status.state}`);
    }
    return [...wrong, ...[...missing].map((id) => `${id} was accepted and is not there`)];
  }

  /** Takes every accepted task back. */
  async stopAll(): Promise<void> {
    for (const id of this.#accepted.keys()) {
      const { status, text } = await this.#served.ask({ method: 'DELETE', target: `/tasks/${id}` });
      if (status !== 200) throw new Error(`DELETE ${id}: ${text}`);
    }
    this.#accepted.clear();
  }

  /** Revisions that are missing or double since the last look. */
  async findGaps(): Promise<readonly Wrong[]> {
    const { floor } = this.#served.manager.status();
    const after = Math.max(floor, this.#seenRevision);
    const target = `/events?follow=false&after=${after}`;
    const { text } = await this.#served.ask({ method: 'GET', target });
    const revisions = Array.from(text.matchAll(/^id: (\d+)\ndata:/gm), ([, id]) => Number(id));
    this.#seenRevision = this.#served.manager.status().revision;
    const wrong = revisions
      .map((revision, index) => [revision, after + 1 + index])
      .filter(([revision, expected]) => revision !== expected)
      .map(([revision, expected]) => `revision ${revision} instead of ${expected}`)
      .slice(0, 3);
    if (revisions.length !== this.#seenRevision - after) wrong.push('the log ends early');
    return wrong;
  }

  async #allTasks(): Promise<readonly TaskJson[]> {
    const tasks: TaskJson[] = [];
    for (let cursor = ''; ; ) {
      const target = `/tasks?limit=1000${cursor}`;
      const page = JSON.parse((await this.#served.ask({ method: 'GET', target })).text);
      tasks.push(...page.items);
      if (page.cursor === undefined) return tasks;
      cursor = `&cursor=${page.cursor}`;
    }
  }

  async #judgeAccepted(request: MutatedRequest, answer: Answer): Promise<readonly Wrong[]> {
    const task: TaskJson = JSON.parse(answer.text);
    if (![200, 201].includes(answer.status)) return [`status ${answer.status}`];
    const isNew = answer.status === 201;
    if (isNew === this.#accepted.has(task.id))
      return [`${task.id} was ${isNew ? '' : 'not '}there`];
    this.#accepted.set(task.id, task.spec);
    const read = await this.#served.ask({ method: 'GET', target: `/tasks/${task.id}` });
    const wrong: Wrong[] = [];
    if (!isDeepStrictEqual(JSON.parse(read.text).spec, task.spec))
      wrong.push('it reads back otherwise');
    return [
      ...wrong,
      ...(request.input === undefined ? [] : findConverted(request.input, task.spec)),
    ];
  }

  async #judgeJoined({ input }: MutatedRequest): Promise<readonly Wrong[]> {
    const facts = Object(Object(input).facts);
    const { text } = await this.#served.ask({ method: 'GET', target: '/nodes' });
    const node = JSON.parse(text).items.find(({ name }: { name: string }) => name === facts.name);
    if (node === undefined) return ['the node is not there'];
    return ['id', 'address', 'capacity', 'labels', 'bindRoots', 'version'].flatMap((field) =>
      field === 'capacity'
        ? []
        : isDeepStrictEqual(node[field], facts[field])
          ? []
          : [`${field} reads back otherwise`],
    );
  }
}

interface TaskJson {
  readonly id: string;
  readonly spec: Readonly<Record<string, unknown>>;
  readonly status: { readonly state: string };
}

/** Nothing that was accepted may have been changed in silence. */
function findConverted(input: Json, spec: TaskJson['spec']): readonly Wrong[] {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) return ['no object'];
  if (Object.keys(input).some((key) => key.toLowerCase() === 'task')) return [];
  return KEPT.filter((field) => Object.hasOwn(input, field))
    .filter((field) => !isDeepStrictEqual(input[field], spec[field]))
    .map((field) => `${field} was ${JSON.stringify(input[field])?.slice(0, 80)}`);
}

/** Codes of refusals that are of the request as a whole, and name no field. */
const WHOLE = [
  ...['unsupported-media-type', 'misdirected', 'forbidden', 'unauthorized', 'not-acceptable'],
  ...['method-not-allowed', 'url-too-long', 'not-found', 'pruned', 'name-taken', 'wrong-cluster'],
];

function judgeRefusal(
  request: MutatedRequest,
  { status, headers, text }: Answer,
): readonly Wrong[] {
  // There is no body in reply to HEAD.
  if (request.method === 'HEAD') return [];
  if (!headers['content-type']?.startsWith('application/problem+json')) return ['no problem'];
  const problem = JSON.parse(text);
  const wrong: Wrong[] = [];
  if (problem.status !== status) wrong.push('another status in the problem');
  if (typeof problem.detail !== 'string' || problem.detail === '') wrong.push('no words');
  if (WHOLE.includes(problem.code)) return wrong;
  for (const issue of problem.issues ?? []) wrong.push(...judgeIssue(issue, request, problem.code));
  if (typeof problem.field !== 'string') wrong.push(`no field: ${text}`);
  return wrong;
}

interface Issue {
  readonly field: string;
  readonly got: string;
  readonly want: string;
}

function judgeIssue({ field, got, want }: Issue, request: MutatedRequest, code: string): Wrong[] {
  const wrong: Wrong[] = [];
  if (got === '' || got.length > 80) wrong.push(`${field}: got ${got}`);
  if (/[\p{Cc}\p{Cf}]/u.test(got + field)) wrong.push(`${field}: a character that is obeyed`);
  if (want === '') wrong.push(`${field}: no want`);
  if (field === '' && !['not-understood', 'invalid-input', 'too-large'].includes(code))
    wrong.push(`${code} without a field`);
  // The fields of a task that is there are told by their names in a spec, whatever the form.
  const isKnown = isNamed(field, request) || (code === 'conflict' && isFieldOf(field, {}));
  if (field !== '' && !isKnown) wrong.push(`no such field: ${field}`);
  return wrong;
}

function isNamed(field: string, request: MutatedRequest): boolean {
  if (request.kind === 'submission') return isFieldOf(field, request.input);
  if (request.kind === 'announcement') return isFieldOf(field, request.input, announcementSchema);
  if (request.kind === 'header') return /^(Last-Event-ID|Expect)$/.test(field);
  if (request.kind === 'text') return true;
  const [path = '', search = ''] = request.target.split(/\?(.*)/s);
  const parameters = search.split('&').map((pair) => decoded(pair.split('=')[0] ?? ''));
  // A value may be a list, whose items are counted over all that was given.
  if (parameters.some((name) => isFieldOf(field, { [name]: Array(100).fill('') }))) return true;
  return field === 'path' || (field === 'id' && path.startsWith('/tasks/'));
}

/** As servers decode it: what is no escape stays as it is. */
function decoded(text: string): string {
  const spaced = text.replaceAll('+', ' ');
  try {
    return decodeURIComponent(spaced);
  } catch {
    return spaced;
  }
}
