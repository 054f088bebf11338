// A real manager on a durable store, with simulated workers in the same process; see parts/million.ts.
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Manager } from '../../src/manager/manager.ts';
import { managerCollections } from '../../src/store/collections.ts';
import { openSqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { taskSpecSchema } from '../../src/task/task-spec.ts';
import { serveLines } from '../support/line-child.ts';
import { SimulatedWorkers } from '../support/simulated-workers.ts';

export interface MillionRequest {
  readonly directory: string;
  readonly tasks: number;
  readonly workers: number;
}

export interface MillionReply {
  /** Until every worker has joined and is up, in seconds. */
  readonly joinedS: number;
  /** From the first submission until the last was acknowledged, and until all tasks run. */
  readonly acceptedS: number;
  readonly runningS: number;
  readonly cpuS: number;
  readonly storeMb: number;
}

/** Submissions that wait for their flush at a time. */
const IN_FLIGHT = 2000;

const spec = taskSpecSchema.parse({
  name: 'million',
  image: 'busybox',
  command: 'sleep',
  args: ['86400'],
  cpu: 0.1,
  memory: '64MiB',
});

await serveLines<MillionRequest>(async ({ directory, tasks, workers: workerCount }) => {
  const path = join(directory, 'manager.db');
  const store = await openSqliteStore({ path, role: 'manager', collections: managerCollections });
  const workers = new SimulatedWorkers(workerCount);
  const onFatal = (error: Error): void => {
    throw error;
  };
  const manager = new Manager({ store, link: workers.link, onFatal });
  await manager.start();
  const seconds = stopwatch();
  for (const announcement of workers.announcements()) void manager.join(announcement);
  await until(
    () =>
      manager.listNodes().length === workerCount &&
      manager.listNodes().every(({ node }) => node.liveness === 'up'),
  );
  const joinedS = seconds();
  const cpuBefore = process.cpuUsage();
  const submitted = stopwatch();
  let left = tasks;
  const submit = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await manager.submit({ spec }, { requestId: 'bench' });
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, submit));
  const acceptedS = submitted();
  console.error(`all accepted after ${acceptedS.toFixed(1)} s`);
  await until(() => {
    const { taskCounts } = manager.status();
    return taskCounts.running === tasks;
  });
  const runningS = submitted();
  if (workers.runningCount !== tasks) throw new Error('Not all tasks run.');
  const { user, system } = process.cpuUsage(cpuBefore);
  const storeMb = (await store.sizeBytes()) / 1e6;
  return { joinedS, acceptedS, runningS, cpuS: (user + system) / 1e6, storeMb };
});

function stopwatch(): () => number {
  const startedAt = performance.now();
  return () => (performance.now() - startedAt) / 1000;
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await pause(50);
}
