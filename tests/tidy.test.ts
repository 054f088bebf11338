import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { errorCodes } from '../src/errors/error-codes.ts';

// The style that a linter cannot see, as a test: each failure names file, line and remedy.

const root = dirname(dirname(fileURLToPath(import.meta.url)));

function filesBelow(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.name === 'node_modules' || entry.name === 'dist') return [];
    return entry.isDirectory() ? filesBelow(path) : [path];
  });
}

const sources = filesBelow('src').filter((path) => /\.tsx?$/.test(path));
const tests = filesBelow('tests').filter((path) => path.endsWith('.ts'));
const docs = [
  ...filesBelow('docs'),
  ...readdirSync(root).filter((name) => name.endsWith('.md')),
].filter((path) => path.endsWith('.md'));

const read = (path: string): string => readFileSync(join(root, path), 'utf8');

/** Every line of the files that matches, as `file:line remedy`. */
function find(files: readonly string[], pattern: RegExp, remedy: string): string[] {
  return files.flatMap((path) =>
    read(path)
      .split('\n')
      .flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1} ${remedy}`] : [])),
  );
}

const outside = (...homes: string[]): string[] =>
  sources.filter((path) => !homes.some((home) => path.startsWith(home)));

describe('tidiness', () => {
  const clock = 'src/lib/clock.ts';
  it.each<[string, RegExp, string, string[]]>([
    ['the wall clock', /\bDate\.now\(|new Date\(\)/, 'ask Clock.now() instead', [clock]],
    [
      'the monotonic clock',
      /\bperformance\.now\(|process\.hrtime/,
      'ask Clock.monotonic()',
      [clock],
    ],
    [
      'timers',
      // A socket's own silence is measured where it is, in the operating system's time.
      /(?<!\bsocket\.)\b(setTimeout|setInterval|AbortSignal\.timeout)\(/,
      'use Clock.setTimer or sleep',
      [clock],
    ],
    [
      'setImmediate',
      /\bsetImmediate\(/,
      'a turn of the event loop belongs to the virtual clock',
      ['src/simulation/'],
    ],
    [
      'chance',
      /\bMath\.random\(|\brandomUUID\(|\brandomBytes\(/,
      'take Random as a parameter',
      ['src/lib/random.ts'],
    ],
    ['the environment', /\bprocess\.env\b/, 'read it in src/config', ['src/config/']],
    [
      'what node:http exports',
      /^import (?!type\b).* from 'node:https?'/,
      'take it from src/lib/node-http.ts, for an import loads fetch too',
      [],
    ],
    ['the exit', /\bprocess\.exit\b/, 'only the command line ends the process', ['src/cli/']],
    ['the console', /\bconsole\./, 'take a Logger as a parameter', ['src/cli/']],
  ])('keeps %s in its home', (_, pattern, remedy, homes) => {
    expect(find(outside(...homes), pattern, remedy)).toEqual([]);
  });

  it('has no suppression without a reason', () => {
    const suppression = /(@ts-ignore|@ts-expect-error|biome-ignore)/;
    const bare = find([...sources, ...tests], suppression, '').filter((place) => {
      const [path = '', line = '0'] = place.trim().split(':');
      if (path === join('tests', 'tidy.test.ts')) return false;
      const text = read(path).split('\n')[Number(line) - 1] ?? '';
      return !/biome-ignore [\w/]+: .{10,}|@ts-expect-error .{10,}/.test(text);
    });
    expect(bare).toEqual([]);
  });

  it('has no unfinished business', () => {
    const words = /\b(TODO|FIXME|XXX)\b(?!.*#\d+)/;
    const others = [...sources, ...tests].filter((path) => !path.endsWith('tidy.test.ts'));
    expect(find(others, words, 'finish it, or name its issue as #N')).toEqual([]);
  });

  it('narrows no test run', () => {
    const others = tests.filter((path) => !path.endsWith('tidy.test.ts'));
    expect(find(others, /\b(it|test|describe)\.only\b/, 'remove .only')).toEqual([]);
  });

  it('has files that are one thing', () => {
    const long = sources.filter((path) => read(path).split('\n').length > 401);
    expect(long, 'a source file over 400 lines is more than one thing').toEqual([]);
  });

  it('tests every source file, by name or through the component around it', () => {
    const testText = tests.map(read).join('\n');
    // What is seen is tested where it is seen: in a browser, by address.
    const seen = join('src', 'dashboard', 'views');
    const folders = new Set(sources.map((path) => dirname(path)).filter((path) => path !== seen));
    const untested = [...folders].filter((folder) => {
      const needle = folder.split('\\').join('/');
      return !testText.includes(`${needle}/`) && needle !== 'src';
    });
    expect(untested, 'no test imports anything of this folder').toEqual([]);
  });

  it('documents exactly the error codes there are', () => {
    const documented = [...read('docs/errors.md').matchAll(/^\| `([a-z-]+)` \|/gm)].map(
      ([, code]) => code,
    );
    expect(documented.sort()).toEqual(Object.keys(errorCodes).sort());
  });

  it('has no dead link in its documents', () => {
    const dead = docs.flatMap((path) =>
      [...read(path).matchAll(/\]\((?!https?:|mailto:|#)([^)#\s]+)(?:#[^)]*)?\)/g)].flatMap(
        ([, target = '']) => {
          const absolute = join(root, dirname(path), target);
          return exists(absolute) ? [] : [`${path}: ${relative(root, absolute)}`];
        },
      ),
    );
    expect(dead).toEqual([]);
  });

  it('names only tests that exist, where it says what keeps a defect or an attack out', () => {
    const text = ['docs/reference.md', 'docs/bad-input.md', 'docs/reliability.md', 'SECURITY.md']
      .map(read)
      .join('\n');
    const cells = [...text.matchAll(/\]\((?:\.\.\/)?(tests\/[^)]+)\) ((?:“[^”]+”(?:, )?)+)/g)];
    const cited = cells.flatMap(([, path = '', names = '']) =>
      [...names.matchAll(/“([^”]+)”/g)].map(([, name = '']) => ({ path, name })),
    );
    expect(cited.length).toBeGreaterThan(220);
    const missing = cited.filter(({ path, name }) => {
      const titles = titlesIn(path);
      return !name.split(' > ').every((part) => titles.some((title) => title.test(part)));
    });
    expect(missing).toEqual([]);
  });

  it('gives every decision record a status', () => {
    const records = docs.filter((path) => path.startsWith(join('docs', 'adr')));
    const without = records.filter((path) => !/^Status: (accepted|superseded)/m.test(read(path)));
    expect(without).toEqual([]);
  });

  it('speaks of itself alone', () => {
    const foreign = /\/work\/(main|shared|\.library)|registry\.npmjs|deb\.debian\.org/;
    const all = [...sources, ...tests, ...docs, ...filesBelow('scripts')].filter(
      (path) => !path.endsWith('tidy.test.ts'),
    );
    expect(find(all, foreign, 'name no machine of ours')).toEqual([]);
  });
});

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** Whatever text in a file may be the title of a test, its placeholders standing for anything. */
function titlesIn(path: string): RegExp[] {
  const literal = /'((?:[^'\\\n]|\\.)+)'|"((?:[^"\\\n]|\\.)+)"|`((?:[^`\\\n]|\\.)+)`/g;
  const placeholder = /%[sdifj#]|\$\{[^}]*\}|\$[a-z]\w*/gi;
  return [...read(path).matchAll(literal)].flatMap((match) => {
    const text = (match[1] ?? match[2] ?? match[3] ?? '').replace(/\\(.)/g, '$1');
    const parts = text.split(placeholder);
    if (parts.every((part) => part === '')) return [];
    return [new RegExp(`^${parts.map(escaped).join('.+')}$`)];
  });
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}
