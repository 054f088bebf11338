// Runs a fixed list of seeds of the simulation on the project's own Node and on the newest that
// the npm registry has, and compares the hashes over their histories: what a seed gives may not
// depend on the engine. Exits with 1 on a difference, or when the newest Node cannot be had.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const SEED_COUNT = 20;
const INSTALL_MS_MAX = 300_000;

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const runSeedUrl = pathToFileURL(join(root, 'src', 'simulation', 'run-seed.ts')).href;
const program = `
  const { runSeed } = await import(${JSON.stringify(runSeedUrl)});
  const hashes = [];
  for (let seed = 1; seed <= ${SEED_COUNT}; seed += 1) hashes.push((await runSeed(seed)).hash);
  console.log(JSON.stringify({ version: process.versions.node, hashes }));
`;

function fail(message) {
  console.error(`compare-node-versions: ${message}`);
  process.exit(1);
}

/** What npm prints; fails with its own words when it could not do as asked. */
function npm(...args) {
  const { status, stdout, stderr, error } = spawnSync('npm', [...args, '--loglevel=error'], {
    encoding: 'utf8',
    timeout: INSTALL_MS_MAX,
  });
  if (status === 0) return stdout;
  const words = error?.message ?? stderr.trim();
  return fail(`the npm registry could not be asked ("npm ${args.join(' ')}"): ${words}`);
}

function newestVersion() {
  const versions = JSON.parse(npm('view', 'node', 'versions', '--json')).filter((version) =>
    /^\d+\.\d+\.\d+$/.test(version),
  );
  const numbers = (version) => version.split('.').map(Number);
  const compare = (one, other) =>
    numbers(one).reduce((sign, part, index) => sign || part - numbers(other)[index], 0);
  return versions.sort(compare).at(-1) ?? fail('the npm registry lists no release of Node.');
}

function hashesOn(node) {
  return new Promise((resolve) => {
    const args = ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', program];
    const child = spawn(node, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (chunk) => {
      output += chunk;
    });
    child.on('error', (error) => fail(`${node} could not be started: ${error.message}`));
    child.on('close', (code) => {
      if (code !== 0) fail(`the seeds could not be run on ${node}: it ended with ${code}.`);
      resolve(JSON.parse(output));
    });
  });
}

const folder = mkdtempSync(join(tmpdir(), 'cube-newest-node-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

const newest = newestVersion();
npm('install', '--prefix', folder, '--no-audit', '--no-fund', `node@${newest}`);
const newestNode = join(folder, 'node_modules', 'node', 'bin', 'node');
if (!existsSync(newestNode)) fail(`the npm package node@${newest} brought no Node.`);

const ownNode = join(root, 'node_modules', 'node', 'bin', 'node');
const [own, other] = await Promise.all([hashesOn(ownNode), hashesOn(newestNode)]);
const different = own.hashes.flatMap((hash, index) =>
  hash === other.hashes[index] ? [] : [`seed ${index + 1}: ${hash} and ${other.hashes[index]}`],
);
for (const line of different) console.error(line);
console.log(
  `${SEED_COUNT} seeds on Node ${own.version} and ${other.version}: ` +
    (different.length === 0 ? 'the same histories' : `${different.length} differ`),
);
const figures = {
  'seeds on two versions of Node': SEED_COUNT,
  'seeds that differed': different.length,
};
console.log(`FIGURES ${JSON.stringify(figures)}`);
process.exit(different.length === 0 ? 0 : 1);
