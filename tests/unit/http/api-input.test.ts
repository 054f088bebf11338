import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TaskQuery } from '../../../src/http/manager-service.ts';
import { openManager } from '../../support/http-doors.ts';

type Opened = Awaited<ReturnType<typeof openManager>>;

let manager: Opened;

beforeAll(async () => {
  manager = await openManager();
});

afterAll(async () => {
  await manager[Symbol.asyncDispose]();
});

const spec = { name: 'web', image: 'nginx' };
const id = '266592cd-960d-4091-981c-8c25c44b1018';

interface Reply {
  readonly status: number;
  readonly headers: Record<string, unknown>;
  readonly json: Record<string, unknown>;
}

async function post(
  body: string | Buffer | object,
  headers: Record<string, string> = {},
  url = '/tasks',
): Promise<Reply> {
  const payload = typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
  const reply = await manager.server.inject({ method: 'POST', url, payload, headers });
  return { status: reply.statusCode, headers: reply.headers, json: reply.json() };
}

async function get(url: string, headers: Record<string, string> = {}): Promise<Reply> {
  const reply = await manager.server.inject({ method: 'GET', url, headers });
  return { status: reply.statusCode, headers: reply.headers, json: reply.json() };
}

describe('a submission', () => {
  it('is answered with 201 and the place of the task, and with 200 the second time', async () => {
    const first = await post({ ...spec, id });
    expect(first.status).toBe(201);
    expect(first.headers['location']).toBe(`/tasks/${id}`);
    expect(first.json).toMatchObject({ id, spec: { name: 'web' }, status: { state: 'pending' } });
    const second = await post({ ...spec, id });
    expect(second.status).toBe(200);
    expect(second.json['id']).toBe(id);
  });

  it('with a known id and another spec is a conflict', async () => {
    await post({ ...spec, id });
    const reply = await post({ ...spec, id, name: 'other' });
    expect(reply.status).toBe(409);
    expect(reply.json['code']).toBe('conflict');
  });

  it('sent twice at once is made once', async () => {
    const own = '266592cd-960d-4091-981c-8c25c44b1099';
    const replies = await Promise.all([post({ ...spec, id: own }), post({ ...spec, id: own })]);
    expect(replies.map(({ status }) => status).sort()).toEqual([200, 201]);
  });

  it('carries a request id of our making, whatever the client sends', async () => {
    await post(spec, { 'x-request-id': 'mine', 'request-id': 'mine' });
    const { requestId } = manager.service.origins.at(-1) ?? { requestId: '' };
    expect(requestId).toMatch(/^[0-9a-f-]{36}$/);
  });

  it.each([
    [undefined],
    ['application/json'],
    ['application/json; charset=utf-8'],
    ['application/json;charset="UTF-8"'],
    ['application/x-www-form-urlencoded'],
    ['text/plain'],
    ['text/plain; charset=utf-8'],
  ])('is read as JSON when its content type is %s', async (type) => {
    const reply = await post(spec, type === undefined ? {} : { 'content-type': type });
    expect(reply.status).toBe(201);
  });

  it.each([
    ['application/json\ta'],
    ['application/json; boundary=x'],
    ['application/json, text/plain'],
    ['application/jsonp'],
    ['application/json; charset=latin1'],
    ['multipart/form-data; boundary=x'],
    ['text/html'],
    ['nonsense'],
  ])('is refused when its content type is %s', async (type) => {
    const reply = await post(spec, { 'content-type': type });
    expect(reply.status).toBe(415);
    expect(reply.json['code']).toBe('unsupported-media-type');
  });

  it('is refused when it is compressed', async () => {
    expect((await post(spec, { 'content-encoding': 'gzip' })).status).toBe(415);
  });

  it.each(['', 'null', '[]', '1', 'true', '"x"'])('must be an object, not %j', async (body) => {
    const reply = await post(body);
    expect(reply.status).toBe(400);
    expect(reply.json).toMatchObject({
      code: 'invalid-input',
      field: '',
      want: 'an object: a task spec',
    });
  });

  it.each([
    ['{"name": web}', 'line 1, column 10'],
    ['{"name":"a"}{"name":"b"}', 'line 1, column 13'],
    ['{"name":"a"} x', 'line 1, column 14'],
  ])('that is not JSON is told where: %s', async (body, place) => {
    const reply = await post(body);
    expect(reply.status).toBe(400);
    expect(reply.json['code']).toBe('not-understood');
    expect(reply.json['detail']).toContain(place);
  });

  it.each([
    ['UTF-16', Buffer.from(JSON.stringify(spec), 'utf16le')],
    ['bytes that are no text', Buffer.from([0x7b, 0xff, 0xfe, 0x7d])],
  ])('in %s is not understood', async (_, body) => {
    expect((await post(body)).status).toBe(400);
  });

  it.each(['__proto__', 'constructor', 'prototype'])('with a key %s is refused', async (key) => {
    const reply = await post(`{"name":"a","image":"b","labels":{"${key}":"x"}}`);
    expect(reply.status).toBe(400);
    expect(reply.json['field']).toBe(`labels.${key}`);
  });

  it('that is nested without end is refused before it is parsed', async () => {
    const reply = await post('['.repeat(200_000));
    expect(reply.status).toBe(400);
    expect(reply.json['detail']).toContain('at most 20 levels');
  });

  it('with a list of more than 10,000 items is refused', async () => {
    const reply = await post({ ...spec, args: Array(10_001).fill('x') });
    expect(reply.status).toBe(400);
    expect(reply.json).toMatchObject({ field: expect.stringContaining('args') });
  });

  it('of 2 MiB is too large', async () => {
    const reply = await post({ ...spec, args: Array(70).fill('x'.repeat(30_000)) });
    expect(reply.status).toBe(413);
    expect(reply.json['code']).toBe('too-large');
  });

  it('that wants a port of Cube itself cannot be', async () => {
    await using other = await openManager({ ownPorts: [5556] });
    const payload = JSON.stringify({ ...spec, ports: [{ container: 80, host: 5556 }] });
    const reply = await other.server.inject({ method: 'POST', url: '/tasks', payload });
    expect(reply.statusCode).toBe(422);
    expect(reply.json()).toMatchObject({ code: 'unprocessable', field: 'ports[0].host' });
  });

  it('is not written when it is refused, nor is anything logged at error level', async () => {
    const count = manager.service.tasks.size;
    await post({ ...spec, name: '' });
    await post('{');
    expect(manager.service.tasks.size).toBe(count);
    expect(manager.logger.lines.filter(({ level }) => level !== 'debug')).toEqual([]);
  });

  it("stops a task, when it is the reference's event with the state Completed", async () => {
    await post({ ...spec, id });
    const reply = await post({ State: 3, Task: { ID: id } });
    expect(reply.status).toBe(200);
    expect(reply.json).toMatchObject({ id, status: { desired: 'stopped' } });
  });
});

describe('a problem', () => {
  it('is of RFC 9457 and names field, what came, what is wanted and the request', async () => {
    const reply = await post({ ...spec, memory: '64 mb' });
    expect(reply.headers['content-type']).toMatch(/^application\/problem\+json/);
    expect(reply.json).toMatchObject({
      type: 'urn:cube:error:invalid-input',
      title: 'Bad Request',
      status: 400,
      code: 'invalid-input',
      field: 'memory',
      got: '"64 mb"',
      want: expect.stringContaining('MiB'),
      issues: [{ field: 'memory', example: '256MiB' }],
    });
    expect(reply.json['instance']).toMatch(/^urn:uuid:[0-9a-f-]{36}$/);
  });

  it('of a bug tells nothing of the inside, and is logged with the request id', async () => {
    await using own = await openManager();
    own.service.failure = new Error('password is hunter2');
    const reply = await own.server.inject({ method: 'GET', url: `/tasks/${id}` });
    expect(reply.statusCode).toBe(500);
    expect(reply.body).not.toContain('hunter2');
    const [line] = own.logger.lines.filter(({ level }) => level === 'error');
    const { requestId } = Object(line?.fields);
    expect(reply.json()['instance']).toBe(`urn:uuid:${requestId}`);
  });
});

describe('a list', () => {
  it.each([
    ['limit=0', 'limit', 'a whole number from 1 to 1000'],
    ['limit=-1', 'limit', 'a whole number from 1 to 1000'],
    ['limit=1.5', 'limit', 'a whole number from 1 to 1000'],
    ['limit=1000000000', 'limit', 'a whole number from 1 to 1000'],
    ['limit=', 'limit', 'a whole number from 1 to 1000'],
    ['limit=1&limit=2', 'limit', 'given once'],
    ['state=runing', 'state', 'did you mean running?'],
    ['state=running&state=faild', 'state[1]', 'did you mean failed?'],
    ['label=tier', 'label', 'a label as key=value'],
    ['lim=5', 'lim', 'did you mean limit?'],
    ['x=1', 'x', 'no such field'],
    ['cursor=', 'cursor', 'a text'],
  ])('with ?%s is refused', async (query, field, want) => {
    const reply = await get(`/tasks?${query}`);
    expect(reply.status).toBe(400);
    expect(reply.json['field']).toContain(field);
    expect(reply.json['want']).toContain(want);
  });

  it('hands every filter on', async () => {
    const query = 'state=running&state=failed&name=a&node=n&label=x=1&label=y=a=b&limit=7&cursor=c';
    expect((await get(`/tasks?${query}`)).status).toBe(200);
    const expected: TaskQuery = {
      states: ['running', 'failed'],
      name: 'a',
      node: 'n',
      labels: { x: '1', y: 'a=b' },
      limit: 7,
      cursor: 'c',
    };
    expect(manager.service.queries.at(-1)).toEqual(expected);
  });

  it('has 100 items a page unless told otherwise', async () => {
    await get('/tasks');
    expect(manager.service.queries.at(-1)).toEqual({ limit: 100 });
  });
});

describe('a path', () => {
  it.each([
    ['/tasks/not-a-uuid', 400],
    ['/tasks/%00', 400],
    ['/tasks/..%2f..%2fetc', 400],
    ['/tasks/%zz', 400],
    ['/tasks/', 400],
    ['/nothing', 404],
    ['/', 404],
    [`/tasks/${id}/nothing`, 404],
    [`/tasks/${id}/logs/`, 404],
  ])('%s is answered with a problem of status %i', async (url, status) => {
    const reply = await get(url);
    expect(reply.status).toBe(status);
    expect(reply.json['status']).toBe(status);
  });

  it('of 10,000 characters is too long', async () => {
    expect((await get(`/tasks/${'a'.repeat(10_000)}`)).json).toMatchObject({
      status: 414,
      code: 'url-too-long',
    });
  });

  it('may have its id in upper case', async () => {
    await post({ ...spec, id });
    expect((await get(`/tasks/${id.toUpperCase()}`)).status).toBe(200);
  });

  it('takes no query parameter that it does not know', async () => {
    const reply = await post(spec, {}, '/tasks?x=1');
    expect(reply.status).toBe(400);
    expect(reply.json['field']).toBe('x');
  });

  it('of an unknown task is not found', async () => {
    const reply = await get('/tasks/99999999-960d-4091-981c-8c25c44b1018');
    expect(reply.status).toBe(404);
    expect(reply.json['code']).toBe('not-found');
  });

  it.each(['PUT', 'PATCH', 'HEAD', 'OPTIONS', 'TRACE', 'PROPFIND'])(
    'does not know the method %s, and says which it knows',
    async (method) => {
      const reply = await manager.server.inject({ method: method as 'PUT', url: '/tasks' });
      expect(reply.statusCode).toBe(405);
      expect(reply.headers.allow).toBe('POST, GET');
    },
  );

  it('that only asks whether it answers is answered without a body', async () => {
    for (const url of ['/healthz', '/metrics']) {
      const reply = await manager.server.inject({ method: 'HEAD', url });
      expect([reply.statusCode, reply.body]).toEqual([200, '']);
    }
  });
});

describe('stopping', () => {
  it('is answered alike each time', async () => {
    await post({ ...spec, id });
    const remove = async (): Promise<[number, string]> => {
      const reply = await manager.server.inject({ method: 'DELETE', url: `/tasks/${id}` });
      return [reply.statusCode, reply.body];
    };
    const first = await remove();
    expect(first[0]).toBe(200);
    expect(await remove()).toEqual(first);
  });
});

describe('the other paths', () => {
  it('tell placement, events, nodes and status', async () => {
    await post({ ...spec, id });
    expect((await get(`/tasks/${id}/placement`)).json).toEqual({
      taskId: id,
      advice: ['Add a node.'],
    });
    const events = await get(`/tasks/${id}/events`);
    expect(events.json).toMatchObject({ items: [{ type: 'task-submitted', taskId: id }] });
    expect((await get('/nodes')).json).toEqual({ items: [] });
    expect((await get('/status')).json).toMatchObject({ scheduler: 'epvm', healthy: true });
  });

  it('take a worker that presents itself', async () => {
    const facts = {
      id,
      name: 'worker-1',
      address: 'http://127.0.0.1:5556',
      capacity: { cpu: 1, memory: 1, disk: 1 },
      labels: {},
      runtimes: [],
      bindRoots: [],
      version: '0.0.0',
    };
    const reply = await post({ protocol: 1, facts }, {}, '/nodes');
    expect(reply.status).toBe(200);
    expect(reply.json).toMatchObject({ epoch: 1, heartbeatMs: 1000 });
    const bad = await post({ protocol: 1, facts: { ...facts, name: 'a b' } }, {}, '/nodes');
    expect(bad.json).toMatchObject({ status: 400, field: 'facts.name' });
  });

  it('tell health with 503 while nothing can be made durable', async () => {
    await using own = await openManager();
    own.service.healthy = false;
    const reply = await own.server.inject({ method: 'GET', url: '/healthz' });
    expect([reply.statusCode, reply.json()]).toEqual([503, { healthy: false }]);
  });
});

describe('a wish to prune', () => {
  it.each(['', 'soon', '12', '-1h', '1h30', '0x1h', 'Infinity', '١h'])(
    'older than %j is refused, and nothing is pruned',
    async (olderThan) => {
      const reply = await post({ olderThan }, {}, '/prune');
      expect([reply.status, reply.json['field']]).toEqual([400, 'olderThan']);
      expect(manager.service.prunings).toEqual([]);
    },
  );

  it('older than a duration means that many milliseconds, and without one of any age', async () => {
    await post({ olderThan: '1h30m' }, {}, '/prune');
    await post({}, {}, '/prune');
    expect(manager.service.prunings.map(({ olderThanMs }) => olderThanMs)).toEqual([5_400_000, 0]);
  });
});
