import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { EventReply } from '../../src/client/event-stream.ts';
import { eventually } from '../support/eventually.ts';
import { createFakeTime, type FakeTime } from '../support/fake-time.ts';
import { FaultCluster } from '../support/fault-cluster.ts';
import { isLong, tell } from '../support/long-run.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

/** The wall clock steps, below a Cube with tasks that run, are checked, and wait to be restarted. */

const HOUR = 3600;
const YEAR = 8766 * HOUR;

const steps: readonly (readonly [string, (time: FakeTime) => void])[] = [
  ['an hour on', (time) => time.offset(HOUR)],
  ['an hour back', (time) => time.offset(-HOUR)],
  ['a second on', (time) => time.offset(1)],
  ['a second back', (time) => time.offset(-1)],
  ['a day on', (time) => time.offset(24 * HOUR)],
  ['a day back', (time) => time.offset(-24 * HOUR)],
  ['to 1970', (time) => time.set('1970-01-02 00:00:00')],
  ['over the end of 32 bits', (time) => time.set('2038-01-19 03:14:06')],
  ['to 2100', (time) => time.set('2100-03-01 00:00:00')],
  ['a hundred years back', (time) => time.offset(-30 * YEAR)],
  ['over a leap second', (time) => time.set('2016-12-31 23:59:59')],
  ['over the start of summer time', (time) => time.set('2026-03-29 00:59:59')],
  ['to the true time', (time) => time.offset(0)],
];

const settleMs = isLong ? 5000 : 500;

test('a wall clock that steps restarts nothing, takes no node down, and prunes no task', async () => {
  await using directory = await temporaryDirectory();
  const time = createFakeTime(directory.path);
  await using cluster = await FaultCluster.start({
    environment: time.environment,
    managerFlags: ['--node-timeout', '2s'],
  });
  const health = { command: ['true'], interval: '200ms', timeout: '150ms' };
  const running = await cluster.submitRunning({ health });
  await cluster.untilTask(running.id, ({ status }) => status.health === 'healthy');
  const finished = await cluster.submit({ command: 'true', args: [] });
  await cluster.untilTask(finished.id, ({ status }) => status.state === 'completed');
  // It fails at once and waits for its restart, longer than this test takes.
  const restart = { policy: 'always', delay: '10m', delayMax: '10m' } as const;
  const failing = await cluster.submit({ command: 'false', args: [], restart });
  await cluster.untilTask(failing.id, ({ status }) => status.state === 'failed');
  const before = (await cluster.client.get(failing.id)).status;
  for (const [name, step] of steps) {
    step(time);
    await pause(settleMs);
    // What happens after the step bears the new time; that it happened proves that all goes on.
    const job = await cluster.submit({ command: 'true', args: [], name: 'job' });
    await cluster.untilTask(job.id, ({ status }) => status.state === 'completed');
    const {
      state,
      attempt,
      runtimeId,
      health: found,
    } = (await cluster.client.get(running.id)).status;
    expect({ state, attempt, runtimeId, health: found }, name).toEqual({
      state: 'running',
      attempt: 1,
      runtimeId: running.status.runtimeId,
      health: 'healthy',
    });
    expect((await cluster.client.get(failing.id)).status, name).toEqual(before);
    expect((await cluster.client.get(finished.id)).status.state, name).toBe('completed');
  }
  const events = await Array.fromAsync(cluster.client.events({ follow: false }));
  const isLast = (event: EventReply) => event.taskId === failing.id && event.type === 'task-failed';
  const settledAt = events.find(isLast)?.revision ?? 0;
  const never = ['node-became-unreachable', 'node-went-down', 'task-pruned', 'task-health-changed'];
  const changes = events.filter(
    ({ type, revision }) => never.includes(type) && revision > settledAt,
  );
  expect(changes).toEqual([]);
  // The clock did step, as its events tell.
  const years = new Set(events.map((event) => event.time.slice(0, 4)));
  expect(years).toContain('1970');
  expect(years).toContain('2100');
  expect(await cluster.judge()).toEqual([]);
  tell({ 'steps of the clock': steps.length });
}, 300_000);

test('a delay of seconds lasts as long, whatever the wall clock does meanwhile', async () => {
  await using directory = await temporaryDirectory();
  const time = createFakeTime(directory.path);
  await using cluster = await FaultCluster.start({ environment: time.environment });
  for (const step of [() => time.offset(HOUR), () => time.offset(-24 * HOUR)]) {
    const restart = { policy: 'always', delay: '3s', delayMax: '3s' } as const;
    const { id } = await cluster.submit({ command: 'false', args: [], restart });
    await cluster.untilTask(id, ({ status }) => status.state === 'failed');
    const failedAt = performance.now();
    step();
    await cluster.untilTask(id, ({ status }) => status.attempt === 2);
    const waitedMs = performance.now() - failedAt;
    // With its jitter the delay is at least half of what is asked.
    expect(waitedMs).toBeGreaterThan(1000);
    expect(waitedMs).toBeLessThan(15_000);
    await cluster.client.stop(id);
  }
  expect(await cluster.judge()).toEqual([]);
});

test('workers whose clocks are hours and years apart work together all the same', async () => {
  await using directory = await temporaryDirectory();
  const time = createFakeTime(directory.path);
  time.offset(-2 * YEAR);
  await using cluster = await FaultCluster.start({
    workerCount: 2,
    workerEnvironment: (number) => (number === 2 ? time.environment : {}),
  });
  await Promise.all(
    ['n1', 'n2'].map((node) => cluster.submitRunning({ constraints: [`node.name == ${node}`] })),
  );
  // Its clock is another one, as a task given to it directly tells.
  const reply = await fetch(`http://127.0.0.1:${cluster.workerPorts[1]}/tasks`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'when', command: 'true' }),
  });
  const { createdAt } = (await reply.json()) as { readonly createdAt: string };
  expect(Date.parse(createdAt)).toBeLessThan(Date.now() - YEAR * 1000);
  for (const number of [1, 2]) {
    await cluster.worker(number).end('SIGKILL');
    cluster.worker(number).start();
    await cluster.untilNode(`n${number}`, 'up');
  }
  await eventually('both run on', async () => {
    const tasks = await Array.fromAsync(cluster.client.list());
    return tasks.every(({ status }) => status.state === 'running' && status.attempt === 1);
  });
  expect(await cluster.judge()).toEqual([]);
});
