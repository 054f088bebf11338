import { request as httpRequest, IncomingMessage } from 'node:http';
import { connect, Socket } from 'node:net';
import { expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { createConnection } from '../../../src/client/connection.ts';
import { openSession } from '../../../src/client/open-session.ts';
import { createWorkerClient } from '../../../src/client/worker-client.ts';
import { isCubeError } from '../../../src/errors/cube-error.ts';
import type { SessionInput, SessionOutput } from '../../../src/link/session.ts';
import { taskSpecSchema } from '../../../src/task/task-spec.ts';
import { eventually } from '../../support/eventually.ts';
import { aborted } from '../../support/fake-manager-service.ts';
import { startManager, startWorker } from '../../support/http-doors.ts';

const ID = '00000000-0000-4000-8000-000000000001';

async function* typed(...texts: readonly string[]): AsyncGenerator<SessionInput> {
  for (const text of texts) yield { type: 'input', data: Buffer.from(text) };
  yield { type: 'end' };
}

/** Input that never comes. */
async function* silence(): AsyncGenerator<SessionInput> {
  await new Promise(() => undefined);
}

const signal: AbortSignal = new AbortController().signal;

const request = { command: ['cat', 'secret-argument'] };

async function textOf(outputs: AsyncIterable<SessionOutput>): Promise<string> {
  let text = '';
  for await (const output of outputs) {
    text += output.type === 'exit' ? `(${output.code})` : Buffer.from(output.data).toString();
  }
  return text;
}

async function failureOf(outputs: AsyncIterable<SessionOutput>): Promise<unknown> {
  try {
    await textOf(outputs);
  } catch (error) {
    return error;
  }
  throw new Error('It did not fail.');
}

/** A task behind a manager that plays all sessions itself. */
async function startTask(options: Parameters<typeof startManager>[0] = {}) {
  const manager = await startManager(options);
  const spec = taskSpecSchema.parse({ name: 'job', image: 'nginx' });
  await manager.service.submit({ id: ID, spec }, { requestId: ID });
  return manager;
}

test('a session goes both ways, and ends with the exit code', async () => {
  await using manager = await startTask();
  const connection = createConnection('manager', manager.url, {});
  const outputs = openSession(connection, `/tasks/${ID}/exec`, {
    request,
    input: typed('one ', 'two'),
    signal,
  });
  expect(await textOf(outputs)).toBe('one two(0)');
});

test('more data than the window holds goes through whole', async () => {
  await using manager = await startTask();
  const connection = createConnection('manager', manager.url, {});
  const input = typed(...Array.from({ length: 20 }, () => 'x'.repeat(100_000)));
  const outputs = openSession(connection, `/tasks/${ID}/exec`, { request, input, signal });
  expect(await textOf(outputs)).toHaveLength(2_000_003);
});

test('a worker is reached by task and attempt', async () => {
  await using worker = await startWorker();
  const key = { taskId: ID, attempt: 3 };
  const outputs = createWorkerClient().openSession(worker.url, key, {
    request,
    input: typed('x'),
    signal,
  });
  expect(await textOf(outputs)).toBe('x(0)');
  expect(worker.service.sessions).toEqual([{ key, request }]);
});

test('the log tells who ran which program, without its arguments', async () => {
  await using manager = await startTask();
  const connection = createConnection('manager', manager.url, {});
  await textOf(openSession(connection, `/tasks/${ID}/exec`, { request, input: typed(), signal }));
  const line = manager.logger.lines.find(({ message }) => message.startsWith('A command is run'));
  expect(line).toMatchObject({
    level: 'info',
    fields: { requestId: expect.any(String), taskId: ID, program: 'cat', terminal: false },
  });
  expect(JSON.stringify(manager.logger.lines)).not.toContain('secret-argument');
});

test('without the token there is no session', async () => {
  const token = 'correct-horse-battery-staple';
  await using manager = await startTask({ doors: { token } });
  const open = (given?: string) =>
    openSession(createConnection('manager', manager.url, { token: given }), `/tasks/${ID}/exec`, {
      request,
      input: typed('x'),
      signal,
    });
  for (const given of [undefined, 'wrong']) {
    const error = await failureOf(open(given));
    expect(isCubeError(error, 'unauthorized'), String(error)).toBe(true);
  }
  expect(await textOf(open(token))).toBe('x(0)');
});

test.each([
  ['a page of another site', { origin: 'http://evil.example' }, 403],
  ['another host name', { host: 'evil.example' }, 421],
  ['one who wants a worker', { 'cube-role': 'worker' }, 421],
])('%s is refused at the door', async (_, headers, status) => {
  await using manager = await startTask();
  const url = `${manager.url.replace('http', 'ws')}/tasks/${ID}/exec`;
  const socket = new WebSocket(url, { headers: { ...headers } });
  const refused = await new Promise<number | undefined>((resolve, reject) => {
    socket.once('unexpected-response', (_request, response) => {
      resolve(response.statusCode);
      response.resume();
    });
    socket.once('open', () => reject(new Error('It was let in.')));
    socket.on('error', () => undefined);
  });
  expect(refused).toBe(status);
});

test('an unknown task, a broken request and a path without sessions are told of', async () => {
  await using manager = await startTask();
  const connection = createConnection('manager', manager.url, {});
  const open = (path: string, command: readonly string[]) =>
    failureOf(
      openSession(connection, path, {
        request: { command: [...command] },
        input: silence(),
        signal,
      }),
    );
  const unknown = await open(`/tasks/${ID.replace('1', '2')}/exec`, ['true']);
  expect(isCubeError(unknown, 'not-found'), String(unknown)).toBe(true);
  const empty = await open(`/tasks/${ID}/exec`, []);
  expect(isCubeError(empty, 'invalid-input'), String(empty)).toBe(true);
  const strange = await open(`/tasks/${ID}/logs`, ['true']);
  expect(isCubeError(strange), String(strange)).toBe(true);
});

test('a plain request is told that a WebSocket is wanted', async () => {
  await using manager = await startTask();
  const reply = await fetch(`${manager.url}/tasks/${ID}/exec`);
  expect(reply.status).toBe(400);
  expect(await reply.json()).toMatchObject({ field: 'Upgrade', want: 'websocket' });
});

test('a request that offers another protocol is answered as any other', async () => {
  await using manager = await startTask();
  const status = await new Promise<number | undefined>((resolve, reject) => {
    const options = { headers: { connection: 'Upgrade', upgrade: 'h2c' } };
    httpRequest(`${manager.url}/tasks`, options, (reply) => {
      reply.resume();
      resolve(reply.statusCode);
    })
      .once('error', reject)
      .end();
  });
  expect(status).toBe(200);
});

test('a client that goes away ends the session, and so does a server that closes', async () => {
  const manager = await startTask();
  const connection = createConnection('manager', manager.url, {});
  const abort = new AbortController();
  const ended: string[] = [];
  manager.service.openSession = async function* (_id, session) {
    yield { type: 'stdout', data: Buffer.from('ready') };
    await aborted(session.signal);
    ended.push('ended');
    session.signal.throwIfAborted();
  };
  const first = openSession(connection, `/tasks/${ID}/exec`, {
    request,
    input: silence(),
    signal: abort.signal,
  });
  expect(await first.next()).toMatchObject({ value: { type: 'stdout' } });
  abort.abort(new Error('enough'));
  await expect(first.next()).rejects.toThrow('enough');
  await eventually('the end of the session', () => ended.length === 1);

  const second = openSession(connection, `/tasks/${ID}/exec`, {
    request,
    input: silence(),
    signal,
  });
  expect(await second.next()).toMatchObject({ value: { type: 'stdout' } });
  const rest = failureOf(second);
  await manager[Symbol.asyncDispose]();
  expect(isCubeError(await rest, 'unavailable'), String(await rest)).toBe(true);
  expect(ended).toHaveLength(2);
});

test('one who breaks the protocol is cut off, and the server goes on', async () => {
  await using manager = await startTask();
  const url = `${manager.url.replace('http', 'ws')}/tasks/${ID}/exec`;
  for (const message of [
    Buffer.from([250, 1]),
    Buffer.alloc(600_000),
    'text',
    Buffer.from([5, 1]),
  ]) {
    const socket = new WebSocket(url);
    socket.on('error', () => undefined);
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    socket.once('open', () => socket.send(message));
    await closed;
  }
  const raw = connect(manager.port, '127.0.0.1');
  raw.write(`GET /tasks/${ID}/exec HTTP/1.1\r\nHost: 127.0.0.1:${manager.port}\r\n`);
  raw.write('Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
  const answer = await new Promise<string>((resolve) => {
    raw.once('data', (data) => resolve(String(data)));
  });
  expect(answer).toMatch(/^HTTP\/1.1 400 /);
  raw.destroy();
  expect((await fetch(`${manager.url}/tasks`)).status).toBe(200);
});

test('a process takes commands only from this machine, unless that is allowed', async () => {
  const raw = (remoteAddress: string) => new FakeRequest(remoteAddress);
  for (const [allowRemoteProcess, remoteAddress, isTaken] of [
    [false, '127.0.0.1', true],
    [false, '10.1.2.3', false],
    [true, '10.1.2.3', true],
  ] as const) {
    await using manager = await startManager({ doors: { allowRemoteProcess } });
    const spec = taskSpecSchema.parse({ name: 'job', command: 'sleep' });
    await manager.service.submit({ id: ID, spec }, { requestId: ID });
    const route = manager.server.routes.find(({ path }) => path === '/tasks/:id/exec');
    const opened = route?.session?.({ params: { id: ID }, raw: raw(remoteAddress) });
    const result = await opened?.then(
      () => 'taken',
      (error: unknown) => error,
    );
    if (isTaken) expect(result).toBe('taken');
    else expect(isCubeError(result, 'not-allowed'), String(result)).toBe(true);
  }
});

/** A request of which only the sender matters. */
class FakeRequest extends IncomingMessage {
  constructor(remoteAddress: string) {
    const socket = new Socket();
    Object.defineProperty(socket, 'remoteAddress', { value: remoteAddress });
    super(socket);
  }
}
