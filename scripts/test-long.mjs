// Runs what is too long for every run of the tests: each fault many times over, on real processes,
// data files, networks and engines; the power cut at a thousand moments; a hundred thousand
// mutated requests; and then, on virtual time, many thousand clusters. Prints what was done, and
// how often something that must never be was found. Takes an hour and a quarter on two cores.
// Arguments are handed to vitest, and leave out the rest: npm run test:long -- tests/faults/disk.test.ts
import { spawn, spawnSync } from 'node:child_process';
import { cpus, release } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const node = join(root, 'node_modules', '.bin', 'node');

const everything = [
  'tests/faults',
  'tests/docker/kill.test.ts',
  'tests/integration/store-crash.test.ts',
  'tests/integration/full-disk.test.ts',
  'tests/integration/damaged-store.test.ts',
  'tests/integration/mutated-input.test.ts',
  'tests/strace/store-power-cut.test.ts',
  'tests/simulation',
];

const asked = process.argv.slice(2);
const seed = process.env.CUBE_CRASH_SEED ?? `${Math.floor(Date.now() / 1000)}`;
const images = process.env.CUBE_CRASH_IMAGES ?? '1000';
/** The same each time, and then such as nobody has run before. */
const FIXED_SEEDS = 200;
/** Some hundred days of virtual time. */
const newSeeds = process.env.CUBE_LONG_SEEDS ?? '12800';
const firstNewSeed =
  process.env.CUBE_FIRST_SEED ?? `${Math.floor(Date.now() / 1000) % 900_000_000}`;

const startedAt = performance.now();
const figures = new Map();
const remarks = [];
let violations = 0;

/** Runs a program to its end, showing what it prints, and gives that and its exit code. */
function run(args, env = {}) {
  return new Promise((resolve) => {
    const child = spawn(node, args, {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (chunk) => {
      output += chunk;
      process.stdout.write(chunk);
    });
    child.on('close', (code) => {
      for (const [, json] of output.matchAll(/FIGURES (\{.*\})/g)) {
        for (const [name, count] of Object.entries(JSON.parse(json))) {
          figures.set(name, (figures.get(name) ?? 0) + count);
        }
      }
      resolve({ code, output: stripColours(output) });
    });
  });
}

async function runTests() {
  const projects = ['faults', 'docker', 'integration', 'strace', 'simulation'];
  const { code, output } = await run(
    [
      join(root, 'node_modules', 'vitest', 'vitest.mjs'),
      'run',
      // One at a time: each is to find what is wrong with Cube, not with a machine that is too busy.
      '--no-file-parallelism',
      ...projects.flatMap((name) => ['--project', name]),
      ...(asked.length > 0 ? asked : everything),
    ],
    { CUBE_LONG: '1', CUBE_CRASH_IMAGES: images, CUBE_CRASH_SEED: seed },
  );
  // The last line of the summary: " Tests  2 failed | 40 passed (42)".
  const tests = /^\s*Tests\s+(.*)$/m.exec(output)?.[1] ?? 'none were run';
  remarks.push(`tests: ${tests}`);
  const failed = Number(/(\d+) failed/.exec(tests)?.[1] ?? 0);
  violations += failed > 0 || code === 0 ? failed : 1;
}

async function runSeeds(title, count, first) {
  const command = [join(root, 'bin', 'cube.js'), 'simulate'];
  const { code, output } = await run([
    ...command,
    '--seeds',
    `${count}`,
    '--first-seed',
    `${first}`,
  ]);
  remarks.push(`${title}, from ${first}: ${output.trim().split('\n').at(-1)}`);
  const failed = Number(/violations in (\d+) seeds/.exec(output)?.[1] ?? 0);
  violations += failed > 0 || code === 0 ? failed : 1;
}

/** The same seeds must give the same histories on the newest Node there is. */
async function compareVersions() {
  const { code } = await run([join(root, 'scripts', 'compare-node-versions.mjs')]);
  if (code !== 0) violations += 1;
}

await runTests();
if (asked.length === 0) {
  await runSeeds('fixed seeds', FIXED_SEEDS, 1);
  await runSeeds('new seeds', newSeeds, firstNewSeed);
  await compareVersions();
}

const commit = spawnSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: root, encoding: 'utf8' });
const minutes = ((performance.now() - startedAt) / 60_000).toFixed(1);
console.log(`\nThe long run, ${minutes} minutes on ${cpus().length} cores, Linux ${release()}`);
console.log(`  commit ${commit.stdout.trim()}, seed of the power cuts ${seed}`);
for (const remark of remarks) console.log(`  ${remark}`);
for (const [name, count] of [...figures].sort()) console.log(`  ${name.padEnd(25)} ${count}`);
console.log(`  violations: ${violations === 0 ? 'none' : `${violations}, told above`}`);
process.exit(violations === 0 ? 0 : 1);

function stripColours(text) {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: it is the escape that begins a colour.
  return text.replaceAll(/\u001b\[[0-9;]*m/g, '');
}
