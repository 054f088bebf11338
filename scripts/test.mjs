// Runs every suite that this machine can run, and says at the end which it could not and what to
// install for them. With CI=true a suite that cannot run is a failure.
// Arguments are handed to vitest: npm test -- tests/unit/manager
import { spawnSync } from 'node:child_process';
import { accessSync, constants, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const isCi = process.env.CI === 'true';

function isOnPath(program) {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function dockerAnswers() {
  const host = process.env.DOCKER_HOST ?? 'unix:///var/run/docker.sock';
  const url = host.startsWith('tcp://') ? new URL(host.replace('tcp:', 'http:')) : undefined;
  const target = url
    ? { host: url.hostname, port: url.port || 2375 }
    : { socketPath: host.replace(/^unix:\/\//, '') };
  return new Promise((resolve) => {
    const ping = request({ ...target, path: '/_ping', timeout: 5000 }, (reply) => {
      reply.resume();
      resolve(reply.statusCode === 200);
    });
    ping.on('timeout', () => ping.destroy());
    ping.on('error', () => resolve(false));
    ping.end();
  });
}

function straceWorks() {
  if (!isOnPath('strace')) return false;
  return spawnSync('strace', ['-f', '-o', '/dev/null', 'true']).status === 0;
}

/** What hurts the real thing needs the rights and the tools to do so. */
function canHurt() {
  if (process.platform !== 'linux' || process.getuid() !== 0) return false;
  return straceWorks() && ['ip', 'iptables', 'prlimit', 'faketime'].every(isOnPath);
}

const hasDocker = (await dockerAnswers()) && isOnPath('busybox');

const suites = [
  { project: 'unit', can: true },
  { project: 'simulation', can: true },
  { project: 'conformance', can: true },
  { project: 'integration', can: process.platform === 'linux', need: 'a Linux machine' },
  {
    project: 'browser',
    can: process.platform === 'linux' && isOnPath('chromium'),
    need: 'Chromium: apt-get install chromium',
  },
  {
    project: 'docker',
    can: hasDocker,
    need: 'a Docker Engine that answers, and busybox-static: apt-get install docker.io iptables busybox-static, then start dockerd',
  },
  {
    project: 'strace',
    can: straceWorks(),
    need: 'strace, allowed to trace: apt-get install strace',
  },
  {
    project: 'faults',
    can: hasDocker && canHurt(),
    need: 'root on Linux, a Docker Engine as above, and: apt-get install strace iproute2 iptables faketime util-linux',
  },
];
const missing = suites.filter(({ can }) => !can);

const folder = mkdtempSync(join(tmpdir(), 'cube-test-report-'));
const report = join(folder, 'report.json');
const vitest = spawnSync(
  join(root, 'node_modules', '.bin', 'node'),
  [
    join(root, 'node_modules', 'vitest', 'vitest.mjs'),
    'run',
    ...suites.filter(({ can }) => can).flatMap(({ project }) => ['--project', project]),
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
    ...process.argv.slice(2),
  ],
  { cwd: root, stdio: 'inherit' },
);

let counts = { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0 };
let isReported = true;
try {
  counts = JSON.parse(readFileSync(report, 'utf8'));
} catch (error) {
  isReported = false;
  console.error(`No report of the tests could be read: ${error.message}`);
}
rmSync(folder, { recursive: true, force: true });

for (const { project, need } of missing) {
  console.log(`${isCi ? 'FAILED' : 'Left out'}: the suite "${project}" needs ${need}.`);
}
const failures = counts.numFailedTests + (isCi ? missing.length : 0);
console.log(
  `${counts.numPassedTests} passed, ${failures} failed, ${counts.numPendingTests} skipped`,
);
const isGood = vitest.status === 0 && isReported && failures === 0;
process.exit(isGood ? 0 : 1);
