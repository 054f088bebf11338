import { networkInterfaces } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FakeManagerService } from '../../support/fake-manager-service.ts';
import {
  exchange,
  type ListeningServer,
  openManager,
  rawRequest,
  startManager,
  startWorker,
  statusOfReply,
} from '../../support/http-doors.ts';

let manager: ListeningServer<FakeManagerService>;

beforeAll(async () => {
  manager = await startManager({ doors: { names: ['cube.example', 'proxy.example:443'] } });
});

afterAll(async () => {
  await manager[Symbol.asyncDispose]();
});

/** PORT in a header stands for the port that is listened on. */
async function ask(headers: readonly string[], target = '/tasks'): Promise<string> {
  const own = headers.map((header) => header.replaceAll('PORT', String(manager.port)));
  const line = `GET ${target.replaceAll('PORT', String(manager.port))}`;
  return exchange(manager.port, rawRequest(line, own));
}

describe('the part of Cube that a request wants', () => {
  it('may be left out, and is what it came to', async () => {
    const host = 'Host: localhost:PORT';
    expect(statusOfReply(await ask([host]))).toBe(200);
    expect(statusOfReply(await ask([host, 'Cube-Role: manager']))).toBe(200);
  });

  it('is pointed to where it is not', async () => {
    const reply = await ask(['Host: localhost:PORT', 'Cube-Role: worker']);
    expect(statusOfReply(reply)).toBe(421);
    expect(reply).toContain('This is a Cube manager, and a worker is wanted.');
    await using worker = await startWorker();
    const headers = { 'cube-role': 'manager' };
    const body = JSON.stringify({ name: 'job', command: 'true' });
    const refused = await fetch(`http://127.0.0.1:${worker.port}/tasks`, {
      method: 'POST',
      headers,
      body,
    });
    expect(await refused.json()).toMatchObject({
      code: 'misdirected',
      hint: 'Check the port: a manager listens on 5555 unless it was told otherwise.',
    });
  });
});

describe('the Host header', () => {
  it.each([
    '127.0.0.1:PORT',
    'localhost:PORT',
    'LOCALHOST:PORT',
    'localhost.:PORT',
    '[::1]:PORT',
    '[0:0:0:0:0:0:0:1]:PORT',
    'cube.example:PORT',
    'Cube.Example.:PORT',
    'proxy.example:443',
  ])('%s is ours', async (host) => {
    expect(statusOfReply(await ask([`Host: ${host}`]))).toBe(200);
  });

  it.each([
    ['a foreign name', ['Host: evil.example:PORT']],
    ['a foreign name that begins like ours', ['Host: localhost.evil.example:PORT']],
    ['another port', ['Host: localhost:1']],
    ['no port', ['Host: localhost']],
    ['a configured name with another port', ['Host: proxy.example:PORT']],
    ['none', []],
    ['an empty one', ['Host: ']],
    ['two', ['Host: localhost:PORT', 'Host: localhost:PORT']],
    ['a user before it', ['Host: evil@localhost:PORT']],
    ['a foreign address', ['Host: 10.1.2.3:PORT']],
    ['a path after it', ['Host: localhost:PORT/x']],
  ])('is refused when it is %s', async (_, headers) => {
    const reply = await ask(headers);
    expect(statusOfReply(reply)).toBe(421);
    expect(reply).toContain('"code":"misdirected"');
  });

  it('is refused before routing, so that a foreign page learns nothing of the paths', async () => {
    expect(statusOfReply(await ask(['Host: evil:PORT'], '/nothing'))).toBe(421);
    expect(statusOfReply(await ask(['Host: evil:PORT'], '/healthz'))).toBe(421);
    expect(statusOfReply(await ask(['Host: evil:PORT'], '/tasks/%zz'))).toBe(421);
    expect(statusOfReply(await ask(['Host: evil:PORT'], '/events'))).toBe(421);
  });

  it('can only be given names that a Host header can have', async () => {
    await expect(openManager({ doors: { names: ['http://x'] } })).rejects.toMatchObject({
      code: 'configuration',
      message: '"http://x" is not a host name.',
    });
  });

  it('must agree with a target in absolute form', async () => {
    const host = ['Host: localhost:PORT'];
    expect(statusOfReply(await ask(host, 'http://localhost:PORT/tasks'))).toBe(200);
    expect(statusOfReply(await ask(host, 'http://evil.example/tasks'))).toBe(421);
  });

  it('may be the address at which the connection arrived', async () => {
    const address = Object.values(networkInterfaces())
      .flat()
      .find((one) => one?.family === 'IPv4' && !one.internal)?.address;
    await using open = await startManager({ host: '0.0.0.0', doors: { token: 'a-token' } });
    const own = address ?? '127.0.0.1';
    const headers = { authorization: 'Bearer a-token' };
    const reply = await fetch(`http://${own}:${open.port}/tasks`, { headers });
    expect(reply.status).toBe(200);
  });
});

describe('the Origin', () => {
  it('may be our own', async () => {
    const reply = await ask(['Host: localhost:PORT', 'Origin: http://localhost:PORT']);
    expect(statusOfReply(reply)).toBe(200);
  });

  it.each([
    'http://evil.example',
    'null',
    '',
    'http://localhost:1',
    'http://localhost',
    'https://localhost:PORT',
    'http://127.0.0.1:PORT',
    'http://localhost:PORT/path',
    'file://',
  ])('%j is refused', async (origin) => {
    const reply = await ask(['Host: localhost:PORT', `Origin: ${origin}`]);
    expect(statusOfReply(reply)).toBe(403);
    expect(reply.toLowerCase()).not.toContain('access-control');
  });

  it('is judged before the body, and nothing is done', async () => {
    const body = JSON.stringify({ name: 'web', image: 'nginx' });
    const headers = [`Host: localhost:${manager.port}`, 'Origin: http://evil.example'];
    const request = rawRequest(
      'POST /tasks',
      [...headers, 'Content-Type: text/plain', `Content-Length: ${body.length}`],
      body,
    );
    expect(statusOfReply(await exchange(manager.port, request))).toBe(403);
    expect(manager.service.tasks.size).toBe(0);
  });
});

describe('Sec-Fetch-Site', () => {
  it.each(['cross-site', 'same-site', 'nonsense'])('%s is refused', async (site) => {
    const reply = await ask(['Host: localhost:PORT', `Sec-Fetch-Site: ${site}`]);
    expect(statusOfReply(reply)).toBe(403);
  });

  it.each(['same-origin', 'none'])('%s is let in', async (site) => {
    const reply = await ask(['Host: localhost:PORT', `Sec-Fetch-Site: ${site}`]);
    expect(statusOfReply(reply)).toBe(200);
  });
});

describe('a process task', () => {
  const payload = JSON.stringify({ name: 'job', command: 'true' });

  it('is taken from this machine', async () => {
    await using open = await openManager();
    for (const remoteAddress of ['127.0.0.1', '::1', '::ffff:127.0.0.1']) {
      const request = { method: 'POST', url: '/tasks', payload, remoteAddress } as const;
      expect((await open.server.inject(request)).statusCode).toBe(201);
    }
  });

  it('is refused from another machine, unless that is allowed', async () => {
    const request = { method: 'POST', url: '/tasks', payload, remoteAddress: '10.1.2.3' } as const;
    await using strict = await openManager();
    const reply = await strict.server.inject(request);
    expect(reply.statusCode).toBe(403);
    expect(reply.json()).toMatchObject({ code: 'not-allowed', hint: expect.any(String) });
    expect(strict.service.tasks.size).toBe(0);
    await using open = await openManager({ doors: { allowRemoteProcess: true } });
    expect((await open.server.inject(request)).statusCode).toBe(201);
  });

  it('cannot be smuggled in by a header that claims another sender', async () => {
    await using open = await openManager();
    const reply = await open.server.inject({
      method: 'POST',
      url: '/tasks',
      payload,
      remoteAddress: '10.1.2.3',
      headers: { 'x-forwarded-for': '127.0.0.1', forwarded: 'for=127.0.0.1' },
    });
    expect(reply.statusCode).toBe(403);
  });
});

describe('every reply', () => {
  it('forbids sniffing, caching and embedding, and has no header of CORS', async () => {
    for (const target of ['/tasks', '/nothing', '/events?follow=false']) {
      const reply = (await ask(['Host: localhost:PORT'], target)).toLowerCase();
      expect(reply).toContain('x-content-type-options: nosniff');
      expect(reply).toContain('cache-control: no-store');
      expect(reply).toContain("content-security-policy: default-src 'none'");
      expect(reply).not.toContain('access-control');
    }
  });
});
