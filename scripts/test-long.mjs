// Runs what is too long for every run of the tests: each fault many times over, on real processes,
// data files, networks and engines, and the power cut at a thousand moments. Prints what was done,
// and how often something that must never be was found. Takes about an hour on two cores.
// Arguments are handed to vitest: npm run test:long -- tests/faults/disk.test.ts
import { spawn, spawnSync } from 'node:child_process';
import { cpus, release } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

const everything = [
  'tests/faults',
  'tests/docker/kill.test.ts',
  'tests/integration/store-crash.test.ts',
  'tests/integration/full-disk.test.ts',
  'tests/integration/damaged-store.test.ts',
  'tests/strace/store-power-cut.test.ts',
];

const asked = process.argv.slice(2);
const seed = process.env.CUBE_CRASH_SEED ?? `${Math.floor(Date.now() / 1000)}`;
const images = process.env.CUBE_CRASH_IMAGES ?? '1000';
const startedAt = performance.now();

const vitest = spawn(
  join(root, 'node_modules', '.bin', 'node'),
  [
    join(root, 'node_modules', 'vitest', 'vitest.mjs'),
    'run',
    // One at a time: each is to find what is wrong with Cube, not with a machine that is too busy.
    '--no-file-parallelism',
    ...['faults', 'docker', 'integration', 'strace'].flatMap((name) => ['--project', name]),
    ...(asked.length > 0 ? asked : everything),
  ],
  {
    cwd: root,
    env: { ...process.env, CUBE_LONG: '1', CUBE_CRASH_IMAGES: images, CUBE_CRASH_SEED: seed },
    stdio: ['ignore', 'pipe', 'inherit'],
  },
);

const figures = new Map();
let output = '';
vitest.stdout.setEncoding('utf8').on('data', (chunk) => {
  output += chunk;
  process.stdout.write(chunk);
});

vitest.on('close', (code) => {
  for (const [, json] of output.matchAll(/FIGURES (\{.*\})/g)) {
    for (const [name, count] of Object.entries(JSON.parse(json))) {
      figures.set(name, (figures.get(name) ?? 0) + count);
    }
  }
  // The last line of the summary: " Tests  2 failed | 40 passed (42)".
  const tests = /^\s*Tests\s+(.*)$/m.exec(stripColours(output))?.[1] ?? '';
  const failed = Number(/(\d+) failed/.exec(tests)?.[1] ?? 0);
  const commit = spawnSync('git', ['rev-parse', '--short', 'HEAD'], {
    cwd: root,
    encoding: 'utf8',
  });
  const minutes = ((performance.now() - startedAt) / 60_000).toFixed(1);
  console.log(`\nThe long run, ${minutes} minutes on ${cpus().length} cores, Linux ${release()}`);
  console.log(`  commit            ${commit.stdout.trim()}`);
  console.log(`  seed of the cuts  ${seed}`);
  for (const [name, count] of [...figures].sort()) console.log(`  ${name.padEnd(25)} ${count}`);
  console.log(`  tests             ${tests}`);
  console.log(`  violations        ${failed === 0 ? 'none' : `in ${failed} tests, told above`}`);
  process.exit(code === 0 && failed === 0 && tests !== '' ? 0 : 1);
});

function stripColours(text) {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: it is the escape that begins a colour.
  return text.replaceAll(/\u001b\[[0-9;]*m/g, '');
}
