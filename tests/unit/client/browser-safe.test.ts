import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const source = fileURLToPath(new URL('../../../src/', import.meta.url));

/** What a file imports at run time: types are gone by then. */
async function importsOf(path: string): Promise<readonly string[]> {
  const text = await readFile(path, 'utf8');
  const statements = text.matchAll(/^(?:import|export)\s(?!type\s)[^;]*?from\s+'([^']+)'/gms);
  return Array.from(statements, ([, from = '']) => from);
}

/** Those that speak to sessions: a browser cannot send a token with a WebSocket. */
const nodeOnly = ['open-session.ts', 'worker-client.ts'].map((file) =>
  join(source, 'client', file),
);

test('nothing that the client needs is of Node alone', async () => {
  const files = await readdir(join(source, 'client'));
  const all = files.map((file) => join(source, 'client', file));
  const pending = all.filter((path) => !nodeOnly.includes(path));
  expect(pending).toHaveLength(all.length - nodeOnly.length);
  const seen = new Set(pending);
  const packages = new Set<string>();
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    for (const from of await importsOf(path)) {
      if (!from.startsWith('.')) {
        packages.add(from);
        expect(from, `${relative(source, path)} imports ${from}`).not.toMatch(/^node:/);
        continue;
      }
      const next = join(dirname(path), from);
      if (!seen.has(next)) pending.push(next);
      seen.add(next);
    }
  }
  expect(nodeOnly.filter((path) => seen.has(path))).toEqual([]);
  expect(seen.size).toBeGreaterThan(20);
  expect([...packages].sort()).toEqual(['eventsource-parser', 'p-limit', 'zod']);
});
