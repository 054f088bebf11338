import { describe, expect, it } from 'vitest';
import { createAuthorize } from '../../../src/http/authorize.ts';
import type { HttpServer } from '../../../src/http/server-options.ts';
import {
  exchange,
  openManager,
  openWorker,
  rawRequest,
  startManager,
  statusOfReply,
} from '../../support/http-doors.ts';

const token = 'correct-horse-battery-staple';
const id = '266592cd-960d-4091-981c-8c25c44b1018';

async function statusWith(
  server: HttpServer,
  url: string,
  headers: Record<string, string>,
): Promise<number> {
  return (await server.inject({ method: 'GET', url, headers })).statusCode;
}

describe('with a token', () => {
  it.each([
    ['manager', openManager],
    ['worker', openWorker],
  ] as const)('every route of the %s but /healthz refuses whoever has none', async (_, open) => {
    await using opened = await open({ doors: { token } });
    expect(opened.server.routes.length).toBeGreaterThan(8);
    for (const route of opened.server.routes) {
      const url = route.path.replace(/:attempt/, '1').replace(/:[a-zA-Z]+/, id);
      const reply = await opened.server.inject({ method: route.method, url, payload: '{' });
      const shown = `${route.method} ${route.path} gives ${reply.statusCode}`;
      expect(shown).toBe(
        `${route.method} ${route.path} gives ${route.path === '/healthz' ? 200 : 401}`,
      );
    }
  });

  it('unknown paths and methods are refused too, so that nothing can be learnt', async () => {
    await using opened = await openManager({ doors: { token } });
    for (const [method, url] of [
      ['GET', '/nothing'],
      ['PUT', '/tasks'],
      ['GET', '/tasks/%zz'],
      ['GET', `/tasks/${'a'.repeat(200)}`],
    ] as const) {
      expect((await opened.server.inject({ method, url })).statusCode).toBe(401);
    }
  });

  it('lets in whoever has it', async () => {
    await using opened = await openManager({ doors: { token } });
    for (const scheme of ['Bearer', 'bearer', 'BEARER']) {
      const headers = { authorization: `${scheme} ${token}` };
      expect(await statusWith(opened.server, '/tasks', headers)).toBe(200);
    }
  });

  it.each([
    ['a wrong one', `Bearer ${token}x`],
    ['a part of it', `Bearer ${token.slice(0, -1)}`],
    ['an empty one', 'Bearer '],
    ['another scheme', `Basic ${token}`],
    ['none but the token', token],
    ['it twice', `Bearer ${token}, Bearer ${token}`],
  ])('refuses %s, always in the same words', async (_, authorization) => {
    await using opened = await openManager({ doors: { token } });
    const reply = await opened.server.inject({ url: '/tasks', headers: { authorization } });
    expect(reply.statusCode).toBe(401);
    expect(reply.headers['www-authenticate']).toBe('Bearer');
    expect(reply.json().detail).toBe('This needs a valid token.');
    expect(reply.body).not.toContain('correct');
  });

  it('refuses two headers, even if both have it', async () => {
    await using opened = await startManager({ doors: { token } });
    const header = `Authorization: Bearer ${token}`;
    const headers = [`Host: localhost:${opened.port}`, header];
    const ask = (all: readonly string[]): Promise<string> =>
      exchange(opened.port, rawRequest('GET /tasks', all));
    expect(statusOfReply(await ask(headers))).toBe(200);
    expect(statusOfReply(await ask([...headers, header]))).toBe(401);
  });

  it.each(['token', 'access_token', 'Authorization'])(
    'does not take it from the query as %s, and says why',
    async (name) => {
      await using opened = await openManager({ doors: { token } });
      const url = `/tasks?${name}=${token}`;
      const headers = { authorization: `Bearer ${token}` };
      const reply = await opened.server.inject({ url, headers });
      expect(reply.statusCode).toBe(401);
      expect(reply.json().detail).toContain('logs and histories');
      expect(JSON.stringify(opened.logger.lines) + reply.body).not.toContain(token);
    },
  );
});

describe('without a token', () => {
  it('whoever gets through the doors is let in', async () => {
    await using opened = await openManager();
    expect(await statusWith(opened.server, '/tasks', {})).toBe(200);
  });
});

describe('the judge of every request', () => {
  it('refuses where nothing says who may', () => {
    const request = { url: '/', rawHeaders: [] } as never;
    expect(() => createAuthorize(undefined)(request, undefined)).toThrow('valid token');
    expect(() => createAuthorize(undefined)(request, 'token')).not.toThrow();
  });
});
