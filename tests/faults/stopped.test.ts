import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { isAlive } from '../support/cube-process.ts';
import { eventually } from '../support/eventually.ts';
import { FaultCluster } from '../support/fault-cluster.ts';
import { isLong, tell } from '../support/long-run.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

/** SIGSTOP of manager, workers and both, for longer than a node may be silent; then SIGCONT. */

const NODE_TIMEOUT_MS = 1500;
const managerFlags = ['--node-timeout', `${NODE_TIMEOUT_MS}ms`];
const timesEach = isLong ? 20 : 1;

test('a manager that was stopped for long takes no node for down as it wakes', async () => {
  await using cluster = await FaultCluster.start({ workerCount: 2, managerFlags });
  const tasks = [await cluster.submitRunning(), await cluster.submitRunning()];
  for (let time = 0; time < timesEach; time += 1) {
    cluster.manager.signal('SIGSTOP');
    await pause(2 * NODE_TIMEOUT_MS);
    cluster.manager.signal('SIGCONT');
    // After another whole time-out a node would be down that was not heard.
    await pause(1.2 * NODE_TIMEOUT_MS);
    await cluster.untilNode('n1', 'up');
    await cluster.untilNode('n2', 'up');
  }
  expect(await cluster.countEvents('node-went-down')).toBe(0);
  expect(cluster.manager.output).toContain('silence is forgiven');
  for (const { id, status } of tasks) {
    const { attempt, runtimeId } = (await cluster.client.get(id)).status;
    expect({ attempt, runtimeId }).toEqual({ attempt: 1, runtimeId: status.runtimeId });
  }
  expect(await cluster.judge()).toEqual([]);
  tell({ pauses: timesEach });
}, 400_000);

test('a manager whose event loop was blocked says so, and finds no node silent', async () => {
  await using home = await temporaryDirectory();
  const preload = join(home.path, 'block.mjs');
  // At a signal it does nothing else for three seconds.
  const block = 'const end = performance.now() + 3000; while (performance.now() < end);';
  await writeFile(preload, `process.on('SIGUSR2', () => { ${block} });`);
  await using cluster = await FaultCluster.start({
    // A node is unreachable after 2.4 s without a word, and down after 6 s.
    managerFlags: ['--node-timeout', '6s'],
    environment: { NODE_OPTIONS: `--import=${preload}` },
  });
  const silentBefore = await cluster.countEvents('node-became-unreachable');
  for (let time = 0; time < timesEach; time += 1) {
    cluster.manager.signal('SIGUSR2');
    await eventually('it is told', () => {
      return [...cluster.manager.output.matchAll(/event loop was blocked/g)].length > time;
    });
    // Longer than a heartbeat takes.
    await pause(1500);
  }
  expect(cluster.manager.output).toMatch(/"blockedMs":(2[5-9]|[3-9])\d\d/);
  expect(await cluster.countEvents('node-became-unreachable')).toBe(silentBefore);
  expect(await cluster.countEvents('node-went-down')).toBe(0);
  expect(await cluster.judge()).toEqual([]);
}, 400_000);

test('manager and workers that were stopped together, as a machine that sleeps, go on as before', async () => {
  await using cluster = await FaultCluster.start({ workerCount: 2, managerFlags });
  const task = await cluster.submitRunning();
  const all = [cluster.manager, ...cluster.workers];
  for (let time = 0; time < timesEach; time += 1) {
    for (const one of all) one.signal('SIGSTOP');
    await pause(2 * NODE_TIMEOUT_MS);
    for (const one of all) one.signal('SIGCONT');
    await pause(1.2 * NODE_TIMEOUT_MS);
    await cluster.untilNode('n1', 'up');
    await cluster.untilNode('n2', 'up');
  }
  expect(await cluster.countEvents('node-went-down')).toBe(0);
  expect((await cluster.client.get(task.id)).status).toMatchObject({
    attempt: 1,
    runtimeId: task.status.runtimeId,
  });
  expect(await cluster.judge()).toEqual([]);
  tell({ pauses: timesEach });
}, 400_000);

test('a worker that was stopped for long loses what may run elsewhere, and keeps what waits for it', async () => {
  await using cluster = await FaultCluster.start({ workerCount: 2, managerFlags });
  for (let time = 0; time < timesEach; time += 1) {
    const constraints = ['node.name == n1'];
    const replaced = await cluster.submitRunning({ name: 'replaced' });
    const waiting = await cluster.submitRunning({
      name: 'waiting',
      constraints,
      onNodeLost: 'wait',
    });
    const { node = '' } = replaced.status;
    const other = node === 'n1' ? 'n2' : 'n1';
    cluster.worker(Number(node.slice(1))).signal('SIGSTOP');
    await cluster.untilNode(node, 'down');
    const moved = await cluster.untilTask(
      replaced.id,
      ({ status }) => status.state === 'running' && status.attempt === 2,
    );
    expect(moved.status.node).toBe(other);
    // While its worker is stopped nobody can end the older attempt: two run, as `replace` allows.
    const [first = 0, second = 0] = await pidsOnce(cluster, replaced.id, 2);
    expect([await isAlive(first), await isAlive(second)]).toEqual([true, true]);
    cluster.worker(Number(node.slice(1))).signal('SIGCONT');
    await cluster.untilNode(node, 'up');
    await eventually('the older attempt is stopped', async () => !(await isAlive(first)));
    expect(await isAlive(second)).toBe(true);
    const stayed = await cluster.untilTask(
      waiting.id,
      ({ status }) => status.state === 'running' && status.attempt === 1,
    );
    expect(stayed.status).toMatchObject({ node: 'n1', runtimeId: waiting.status.runtimeId });
    for (const { id } of [replaced, waiting]) {
      await cluster.client.stop(id);
      await cluster.untilTask(id, ({ status }) => status.state === 'completed');
    }
    expect(await isAlive(second)).toBe(false);
  }
  expect(await cluster.judge()).toEqual([]);
  tell({ pauses: timesEach });
}, 400_000);

test('a task that is stopped itself is killed when its time to end is over, and says so', async () => {
  await using cluster = await FaultCluster.start();
  const { id } = await cluster.submitRunning({ stopTimeout: '500ms' });
  const [pid = 0] = await pidsOnce(cluster, id, 1);
  process.kill(pid, 'SIGSTOP');
  await cluster.client.stop(id);
  const { status } = await cluster.untilTask(id, (task) => task.status.state === 'completed');
  expect(status.reason?.code).toBe('killed-after-timeout');
  expect(await isAlive(pid)).toBe(false);
  expect(await cluster.judge()).toEqual([]);
});

/** The processes of the first attempts of a task, once all have noted themselves. */
function pidsOnce(cluster: FaultCluster, id: string, count: number): Promise<readonly number[]> {
  return eventually(`task ${id} has noted ${count} starts`, async () => {
    const pids = await cluster.pidsOf(id);
    return pids.size === count ? [...pids.values()] : undefined;
  });
}
