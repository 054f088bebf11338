import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createCubeClient } from '../../src/client/cube-client.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { cli } from '../support/cli.ts';
import { startCliDaemon } from '../support/cli-daemon.ts';
import { CubeProcess } from '../support/cube-process.ts';
import { eventually } from '../support/eventually.ts';
import { createFakeTime } from '../support/fake-time.ts';
import { judgeHistory } from '../support/judge-history.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const clock = systemClock;
const noDocker = { DOCKER_HOST: 'unix:///nonexistent/docker.sock' };

test('a worker whose clock is an hour ahead is shown as such, and treated as any other', async () => {
  await using home = await temporaryDirectory();
  const argv = ['manager', '--data-dir', join(home.path, 'manager'), '--port', '0'];
  await using manager = await startCliDaemon(argv, { clock });
  const time = createFakeTime(home.path);
  time.offset(3630);
  const flags = ['--manager', manager.url, '--port', '0', '--data-dir', join(home.path, 'worker')];
  const environment = { ...time.environment, ...noDocker };
  await using worker = new CubeProcess(['worker', '--stop-tasks', ...flags], environment);
  worker.start();
  const client = createCubeClient({ url: manager.url });
  const node = await eventually('the node tells its time', async () => {
    const [one] = await client.nodes();
    return one?.liveness === 'up' && one.clockSkewMs !== undefined ? one : undefined;
  });
  expect(node.clockSkewMs).toBeGreaterThan(3_500_000);
  const { stdout } = await cli(['node', '-m', manager.url], { clock });
  expect(stdout).toMatch(/up \(clock (59|60)m ahead\)/);
  const doctor = ['doctor', '--json', '-m', manager.url, '--data-dir', join(home.path, 'none')];
  const findings = await cli(doctor, { clock, environment: noDocker });
  expect(findings.stdout).toMatch(/its clock is (59|60)m ahead of the manager's/);
  // Nothing is decided by it: what is asked to run runs, and what has ended stays.
  const { task } = await client.submit({ name: 'job', command: 'true' });
  await eventually('the task has run', async () => {
    const { status } = await client.get(task.id);
    return status.state === 'completed';
  });
  expect(await judgeHistory(client)).toEqual([]);
  await worker.end('SIGTERM');
});
