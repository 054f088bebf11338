import { describe, expect, it } from 'vitest';
import { openManager, openWorker } from '../../support/http-doors.ts';

const SECRET = 'xyzzy-very-secret-42';
const id = '266592cd-960d-4091-981c-8c25c44b1018';

const right = { id, name: 'web', image: 'nginx', env: { PASSWORD: { secret: SECRET } } };

/** Inputs that are refused, each with the secret in a place where it may be repeated by mistake. */
const wrong = [
  { ...right, env: { PASSWORD: { secrett: SECRET } } },
  { ...right, env: { PASSWORD: [SECRET] } },
  { ...right, env: { PASSWORD: { secret: [SECRET] } } },
  { ...right, env: [`PASSWORD=${SECRET}`] },
  { ...right, enviroment: { PASSWORD: SECRET } },
  { ...right, Env: SECRET },
  { ...right, name: '' },
  { ...right, secret: SECRET },
  { ...right, env: { [`PASSWORD=${SECRET}`]: '' } },
];

/** What is no JSON, with the secret next to the fault. */
const broken = [
  `{"env":{"PASSWORD":{"secret":"${SECRET}"}},}`,
  `{"env":{"PASSWORD":{"secret":"${SECRET}`,
];

describe('a secret', () => {
  it.each([
    ['manager', openManager],
    ['worker', openWorker],
  ] as const)('that the %s is given comes out nowhere', async (_, open) => {
    await using opened = await open();
    const seen: string[] = [];
    const ask = async (method: 'GET' | 'POST' | 'DELETE', url: string, body?: object | string) => {
      const text = typeof body === 'object' ? JSON.stringify(body) : body;
      const payload = text === undefined ? {} : { payload: text };
      const reply = await opened.server.inject({ method, url, ...payload });
      seen.push(`${method} ${url}: ${JSON.stringify(reply.headers)} ${reply.body}`);
      return reply.statusCode;
    };
    expect(await ask('POST', '/tasks', right)).toBe(201);
    expect(await ask('POST', '/tasks', right)).toBe(200);
    for (const input of [...wrong, ...broken]) expect(await ask('POST', '/tasks', input)).toBe(400);
    await ask('POST', '/tasks', { ...right, name: 'other' });
    for (const route of opened.server.routes) {
      if (route.method !== 'GET' || route.path === '/reports') continue;
      const path = route.path.replace(':attempt', '1').replace(/:[a-zA-Z]+/, id);
      await ask('GET', path === '/events' ? '/events?after=0&follow=false' : path);
    }
    await ask('DELETE', `/tasks/${id}`);
    expect(opened.service.tasks.get(id)?.spec.env['PASSWORD']).toEqual({ secret: SECRET });
    const all = [...seen, JSON.stringify(opened.logger.lines)];
    expect(all.filter((text) => text.includes(SECRET))).toEqual([]);
    expect(all.some((text) => text.includes('"secret":"***"'))).toBe(true);
  });
});
