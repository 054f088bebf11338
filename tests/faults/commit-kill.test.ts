import { expect, test } from 'vitest';
import { FaultCluster } from '../support/fault-cluster.ts';
import { isLong, tell } from '../support/long-run.ts';
import { attachTracer, type Tracing } from '../support/tracer.ts';

/**
 * The manager is killed at each step of a commit: a tracer sends SIGKILL as the thread of the
 * store, or that of the event loop, enters the system call that is the step. What the tracer has
 * seen tells whether it was a step of the commit of our submission; if not, it is tried again.
 */

interface Step {
  readonly name: string;
  readonly tracing: Tracing;
  readonly isKept: boolean | undefined;
  readonly isHit: (lines: readonly string[], id: string) => boolean;
}

const always = (): boolean => true;

const steps: readonly Step[] = [
  { name: 'before-write', ...killAt('store', 'pwrite64', 1), isKept: false, isHit: always },
  { name: 'amid-writes', ...killAt('store', 'pwrite64', 4), isKept: false, isHit: always },
  {
    name: 'before-flush',
    ...killAt('store', 'fsync,fdatasync', 2),
    // What was written and not flushed outlives a process, though not a power cut.
    isKept: undefined,
    isHit: (lines, id) => lines.some((line) => line.includes(id)),
  },
  {
    name: 'after-flush',
    ...killAt('store', 'write', 1),
    isKept: true,
    isHit: (lines, id) => lines.some((line) => line.includes(id)),
  },
  {
    // The event loop's first write wakes the store; the next is the reply, which is cut off.
    name: 'after-apply',
    ...killAt('main', 'write,writev', 2),
    isKept: true,
    isHit: (lines, id) => lines.some((line) => line.includes('HTTP/1.1 201') && line.includes(id)),
  },
  {
    // The reply is out; orders and what watchers are told are cut off.
    name: 'after-publish',
    ...killAt('main', 'write,writev', 3),
    isKept: true,
    isHit: (lines, id) => lines.some((line) => line.includes('HTTP/1.1 201') && line.includes(id)),
  },
];

function killAt(threads: Tracing['threads'], calls: string, when: number) {
  const watched = threads === 'store' ? 'pwrite64,fsync,fdatasync,write' : 'write,writev';
  return { tracing: { threads, calls: watched, inject: `${calls}:signal=KILL:when=${when}` } };
}

const timesEach = isLong ? 20 : 1;
const TRIES_MAX = 10;

/** Kills the manager at the step, and starts it again. Tells whether our commit was hit. */
async function killDuringSubmit(cluster: FaultCluster, step: Step): Promise<boolean> {
  const submission = cluster.task({ name: step.name });
  await cluster.untilNode('n1', 'up');
  await cluster.untilWatched();
  const ended = cluster.manager.untilEnd();
  await using tracer = await attachTracer(cluster.manager.pid, step.tracing);
  const answer = await cluster.client.submit(submission).then(
    () => 'acknowledged',
    (error: unknown) => error,
  );
  expect(await ended, step.name).toBe('SIGKILL');
  const isHit = step.isHit(await tracer.lines(), submission.id);
  cluster.manager.start();
  await cluster.untilServing();
  const isKnown = await cluster.client.get(submission.id).then(
    () => true,
    () => false,
  );
  if (isHit && step.isKept !== undefined) expect(isKnown, step.name).toBe(step.isKept);
  if (answer === 'acknowledged') expect(isKnown, step.name).toBe(true);
  else expect(answer, step.name).toMatchObject({ retryable: true });
  // Asking again with the same id is safe, and makes it one task.
  const { created } = await cluster.client.submit(submission);
  expect(created, step.name).toBe(!isKnown);
  cluster.acknowledged.push(submission);
  return isHit;
}

test(
  `a manager killed at each step of a commit, ${timesEach} times each, loses nothing`,
  async () => {
    await using cluster = await FaultCluster.start();
    cluster.watch();
    let killCount = 0;
    for (const step of steps) {
      let hitCount = 0;
      for (let tries = 0; hitCount < timesEach; tries += 1) {
        expect(tries, step.name).toBeLessThan(TRIES_MAX * timesEach);
        if (await killDuringSubmit(cluster, step)) hitCount += 1;
        killCount += 1;
      }
    }
    for (const { id } of cluster.acknowledged) {
      const { status } = await cluster.untilTask(id, (task) => task.status.state === 'running');
      expect(status.attempt).toBe(1);
    }
    expect(cluster.seen.length).toBeGreaterThan(killCount);
    expect(await cluster.judge()).toEqual([]);
    tell({ kills: killCount });
  },
  isLong ? 3_600_000 : 900_000,
);
