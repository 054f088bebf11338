// Brings a checkout to the point where its commands run: dependencies installed, sources built.
// Runs on the machine's own Node (20.19 or newer), since the project's Node comes with the install.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

function run(command, args) {
  const result = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2] });
  if (result.error) fail(`${command} could not be started: ${result.error.message}`);
  if (result.status !== 0) fail(`"${command} ${args.join(' ')}" failed; its output is above.`);
}

function fail(message) {
  process.stderr.write(`cube: ${message}\n`);
  process.exit(1);
}

function filesBelow(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? filesBelow(path) : [path];
  });
}

/** The same wherever the checkout lies, so that a copy of it need not be installed anew. */
function hashOf(paths) {
  const hash = createHash('sha256');
  for (const path of paths.sort()) hash.update(relative(root, path)).update(readFileSync(path));
  return hash.digest('hex');
}

function isCurrent(stamp, hash) {
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === hash;
}

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  fail(`Node 20.19 or newer is needed to install Cube, and this is ${process.versions.node}.`);
}

const lockHash = hashOf([join(root, 'package.json'), join(root, 'package-lock.json')]);
const installStamp = join(root, 'node_modules', '.cube-installed');
if (!isCurrent(installStamp, lockHash)) {
  process.stderr.write('cube: installing dependencies (about half a minute) …\n');
  run('npm', ['ci', '--loglevel=error', '--no-audit', '--no-fund']);
  writeFileSync(installStamp, lockHash);
}

const sources = [
  ...filesBelow(join(root, 'src')),
  join(root, 'tsconfig.json'),
  join(root, 'tsconfig.build.json'),
  join(root, 'vite.config.ts'),
  join(root, 'vite.bundle.config.ts'),
];
const sourceHash = hashOf([...sources, join(root, 'package-lock.json')]);
const buildStamp = join(root, 'dist', '.cube-built');
if (process.argv.includes('--force-build') || !isCurrent(buildStamp, sourceHash)) {
  process.stderr.write('cube: building …\n');
  rmSync(join(root, 'dist'), { recursive: true, force: true });
  const node = join(root, 'node_modules', '.bin', 'node');
  const tsc = join(root, 'node_modules', 'typescript7', 'bin', 'tsc');
  run(node, [tsc, '-p', join(root, 'tsconfig.build.json')]);
  const vite = join(root, 'node_modules', 'vite', 'bin', 'vite.js');
  run(node, [vite, 'build', '--logLevel=warn']);
  run(node, [vite, 'build', '--config', 'vite.bundle.config.ts', '--logLevel=warn']);
  mkdirSync(join(root, 'dist'), { recursive: true });
  writeFileSync(buildStamp, sourceHash);
}
