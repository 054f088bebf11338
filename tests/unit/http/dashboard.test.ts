import { describe, expect, it } from 'vitest';
import { readDashboard } from '../../../src/cli/read-dashboard.ts';
import type { DashboardFiles } from '../../../src/http/dashboard-routes.ts';
import { createManagerServer } from '../../../src/http/manager-server.ts';
import type { HttpServer } from '../../../src/http/server-options.ts';
import { noopLogger } from '../../../src/lib/logger.ts';
import { FakeManagerService } from '../../support/fake-manager-service.ts';

const files: DashboardFiles = {
  page: '<!doctype html><title>Cube</title>',
  assets: new Map([
    ['index-1.js', 'run()'],
    ['index-1.css', 'a{}'],
    ['cube.svg', '<svg/>'],
    ['notes.txt', 'not for browsers'],
  ]),
};

function serve(dashboard: DashboardFiles | undefined, token?: string): Promise<HttpServer> {
  return createManagerServer({
    service: new FakeManagerService(),
    logger: noopLogger,
    version: '0.0.0',
    hasProcessMetrics: false,
    doors: { token },
    dashboard,
  });
}

describe('the dashboard', () => {
  it('is a page that may load nothing but what this server has, and needs no token for it', async () => {
    const server = await serve(files, 'correct-horse-battery-staple');
    const page = await server.inject('/');
    expect(page.statusCode).toBe(200);
    expect(page.body).toBe(files.page);
    expect(page.headers['content-type']).toBe('text/html; charset=utf-8');
    const policy = String(page.headers['content-security-policy']);
    expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toMatch(/unsafe|\*|http/);
    expect((await server.inject('/tasks')).statusCode).toBe(401);
  });

  it.each([
    ['index-1.js', 'text/javascript'],
    ['index-1.css', 'text/css'],
    ['cube.svg', 'image/svg+xml'],
  ])('has %s as %s, for good', async (name, type) => {
    const reply = await (await serve(files)).inject(`/assets/${name}`);
    expect(reply.body).toBe(files.assets.get(name));
    expect(reply.headers['content-type']).toBe(`${type}; charset=utf-8`);
    expect(reply.headers['cache-control']).toBe('max-age=31536000, immutable');
    expect(reply.headers['x-content-type-options']).toBe('nosniff');
  });

  it.each(['index-2.js', 'notes.txt', '__proto__', '..%2f..%2fetc%2fpasswd', 'constructor.js'])(
    'has no other file, such as %s',
    async (name) => {
      const reply = await (await serve(files)).inject(`/assets/${name}`);
      expect(reply.statusCode).toBe(404);
      expect(reply.headers['cache-control']).toBe('no-store');
    },
  );

  it.each([
    ['a name that is not ours', { host: 'evil.example' }, 421],
    ['a page of another site', { 'sec-fetch-site': 'cross-site' }, 403],
    ['another origin', { origin: 'http://evil.example' }, 403],
  ])('passes the doors as all else: not by %s', async (_, headers, status) => {
    expect((await (await serve(files)).inject({ url: '/', headers })).statusCode).toBe(status);
  });

  it.each([['cross-site'], ['same-site']])(
    'opens by a link on a page that is %s, which has no hold on it',
    async (site) => {
      const server = await serve(files, 'correct-horse-battery-staple');
      const navigation = {
        'sec-fetch-site': site,
        'sec-fetch-mode': 'navigate',
        'sec-fetch-dest': 'document',
      };
      const page = await server.inject({ url: '/', headers: navigation });
      expect(page.statusCode).toBe(200);
      expect(page.headers['cross-origin-opener-policy']).toBe('same-origin');
      const refused = [
        { url: '/tasks' },
        { url: '/healthz' },
        { url: '/assets/index-1.js' },
        { url: '/', 'sec-fetch-dest': 'iframe' },
        { url: '/', 'sec-fetch-mode': 'cors' },
        { url: '/', 'sec-fetch-dest': 'script' },
        { url: '/', origin: 'http://evil.example' },
        { url: '/', host: 'evil.example', status: 421 },
        { url: '/', method: 'POST' as const },
      ];
      for (const { url, method = 'GET' as const, status = 403, ...changed } of refused) {
        const headers = { ...navigation, ...changed };
        expect((await server.inject({ method, url, headers })).statusCode).toBe(status);
      }
    },
  );

  it('is not there where none was built in', async () => {
    expect((await (await serve(undefined)).inject('/')).statusCode).toBe(404);
  });

  it('of this package is made of files that it may load', async () => {
    const built = await readDashboard();
    expect(built).toBeDefined();
    const links = [...(built?.page.matchAll(/(?:src|href)="([^"]+)"/g) ?? [])].map(([, to]) => to);
    expect(links.length).toBeGreaterThan(2);
    for (const link of links) {
      expect(built?.assets.has(link?.replace('/assets/', '') ?? '')).toBe(true);
    }
    expect(built?.page).not.toMatch(/<style|style=|<script>|onload=/);
  });
});
