import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import { nodeFetch } from '../../../src/cli/node-fetch.ts';
import { createCubeClient } from '../../../src/client/cube-client.ts';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

class Peer implements AsyncDisposable {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async open(answer: Answer): Promise<Peer> {
    const server = createServer(answer);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new Peer(server);
  }

  get url(): string {
    const address = this.#server.address();
    if (typeof address !== 'object' || address === null) throw new Error('It does not listen.');
    return `http://127.0.0.1:${address.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

async function readAll(url: string): Promise<string> {
  const reader = (await nodeFetch(url, {})).body?.getReader();
  let all = '';
  while (true) {
    const { done, value } = (await reader?.read()) ?? { done: true };
    if (done === true || value === undefined) return all;
    all += Buffer.from(value).toString();
  }
}

it('sends method, headers and the whole body, its length told in bytes', async () => {
  const seen: unknown[] = [];
  await using peer = await Peer.open((request, response) => {
    void text(request).then((body) => {
      const { 'content-length': length, 'cube-role': role } = request.headers;
      seen.push({ method: request.method, url: request.url, length, role, body });
      response.writeHead(201).end('made');
    });
  });
  const body = '{"name":"ä"}';
  const headers = { 'cube-role': 'manager' };
  const reply = await nodeFetch(`${peer.url}/tasks?a=b`, { method: 'POST', headers, body });
  expect({ status: reply.status, ok: reply.ok }).toEqual({ status: 201, ok: true });
  expect(seen).toEqual([
    { method: 'POST', url: '/tasks?a=b', length: '13', role: 'manager', body },
  ]);
});

it('reads an answer to its end, and fails where it is cut off', async () => {
  await using whole = await Peer.open((_, response) => {
    response.write('one ');
    response.end('two');
  });
  expect(await readAll(whole.url)).toBe('one two');
  await using cut = await Peer.open((_, response) => {
    response.writeHead(200, { 'content-length': 100 });
    response.write('begun', () => response.destroy());
  });
  await expect(readAll(cut.url)).rejects.toThrow();
});

it('follows no redirect, and says that the answer is none', async () => {
  await using peer = await Peer.open((_, response) => {
    response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end();
  });
  const { ok, status } = await nodeFetch(peer.url, {});
  expect({ ok, status }).toEqual({ ok: false, status: 302 });
});

it('hangs up when it is aborted, before the answer and within it', async () => {
  await using silent = await Peer.open(() => undefined);
  const before = AbortSignal.abort(new Error('enough'));
  await expect(nodeFetch(silent.url, { signal: before })).rejects.toThrow();
  const abort = new AbortController();
  const hungUp = Promise.withResolvers<void>();
  await using endless = await Peer.open((_, response) => {
    response.once('close', () => hungUp.resolve());
    response.write('begun');
  });
  const reader = (await nodeFetch(endless.url, { signal: abort.signal })).body?.getReader();
  await reader?.read();
  const next = reader?.read();
  abort.abort();
  await expect(next).rejects.toThrow();
  await hungUp.promise;
});

it.each([
  ['a page', '<html>', 'the answer is not JSON'],
  ['something else', '{"items":[{"id":"x"}]}', 'does not have the form expected'],
])('leaves it to the client to refuse what is not Cube: %s', async (_, answer, words) => {
  await using peer = await Peer.open((_request, response) => void response.end(answer));
  const client = createCubeClient({ url: peer.url, fetch: nodeFetch });
  await expect(client.listPage()).rejects.toMatchObject({
    code: 'bad-reply',
    message: expect.stringContaining(words),
  });
});

it('tells of a port where nothing listens by the code of the operating system', async () => {
  const peer = await Peer.open(() => undefined);
  const { url } = peer;
  await peer[Symbol.asyncDispose]();
  await expect(nodeFetch(url, {})).rejects.toMatchObject({ code: 'ECONNREFUSED' });
});
