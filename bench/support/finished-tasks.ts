import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { EventDraft } from '../../src/event/event.ts';
import { systemClock, timestamp } from '../../src/lib/clock.ts';
import { systemRandom } from '../../src/lib/random.ts';
import { ClusterState } from '../../src/manager/cluster-state.ts';
import { Committer } from '../../src/manager/committer.ts';
import { STANDALONE, toWorkerTransaction } from '../../src/store/attempt-repository.ts';
import { managerCollections, workerCollections } from '../../src/store/collections.ts';
import { ManagerRepository } from '../../src/store/manager-repository.ts';
import { openSqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { taskSpecSchema } from '../../src/task/task-spec.ts';

const NODE = 'node-1';

const spec = taskSpecSchema.parse({
  name: 'finished',
  command: '/usr/bin/job',
  args: ['--once'],
  env: { REGION: 'eu-west-1' },
  cpu: 0.1,
  memory: '64MiB',
  labels: { team: 'batch' },
});

/** Events at a time: as many as share a transaction. */
const BATCH = 1000;

/** Makes a manager's store in which so many tasks have run and ended well. */
export async function makeManagerData(directory: string, count: number): Promise<void> {
  const path = join(directory, 'manager.db');
  const store = await openSqliteStore({ path, role: 'manager', collections: managerCollections });
  const repository = new ManagerRepository(store);
  await repository.load();
  const none = { events: [], tasks: [], nodes: [], removedTaskIds: [] };
  await repository.beginReign({ cluster: randomUUID(), epoch: 1 }, none);
  const committer = new Committer({
    state: new ClusterState(),
    repository,
    clock: systemClock,
    random: systemRandom,
    publish: () => undefined,
    onFatal: (error) => {
      throw error;
    },
  });
  await committer.commit(() => ({ drafts: [nodeDraft()], result: undefined }));
  for (let start = 0; start < count; start += BATCH) {
    const length = Math.min(BATCH, count - start);
    const drafts = Array.from({ length }, () => life(randomUUID())).flat();
    await committer.commit(() => ({ drafts, result: undefined }));
  }
  await committer.close();
  await store.close();
}

function nodeDraft(): EventDraft {
  return {
    type: 'node-joined',
    node: NODE,
    facts: {
      id: randomUUID(),
      name: NODE,
      // Nobody listens there: the node is away.
      address: 'http://127.0.0.1:9',
      capacity: { cpu: 4, memory: 16e9, disk: 1e11 },
      labels: {},
      runtimes: [{ name: 'process', available: true }],
      bindRoots: [],
      version: '0.1.0',
      liveness: 'down',
      livenessSince: timestamp(systemClock),
      draining: false,
    },
    cause: 'bench',
    correlationId: 'bench',
    actor: 'bench',
  };
}

/** All events of one task, from its submission to its end. */
function life(taskId: string): readonly EventDraft[] {
  const time = timestamp(systemClock);
  const base = { taskId, cause: 'bench', correlationId: taskId, actor: 'bench' };
  const placed = { ...base, attempt: 1, node: NODE };
  return [
    { ...base, type: 'task-submitted', spec, status: {} },
    {
      ...placed,
      type: 'task-scheduled',
      status: { state: 'scheduled', attempt: 1, node: NODE, scheduledAt: time },
    },
    { ...placed, type: 'task-started', status: { state: 'running', startedAt: time } },
    {
      ...placed,
      type: 'task-completed',
      status: { state: 'completed', exitCode: 0, finishedAt: time },
    },
  ];
}

/** Makes a worker's store in which so many tasks, given to it directly, have run and ended well. */
export async function makeWorkerData(directory: string, count: number): Promise<void> {
  const path = join(directory, 'worker.db');
  const store = await openSqliteStore({ path, role: 'worker', collections: workerCollections });
  const time = timestamp(systemClock);
  for (let start = 0; start < count; start += BATCH) {
    const put = Array.from({ length: Math.min(BATCH, count - start) }, () => {
      const taskId = randomUUID();
      const ended = {
        exitCode: 0,
        reason: { code: 'exited', message: 'It ended with exit code 0.' },
        finishedAt: time,
      } as const;
      return {
        taskId,
        attempt: 1,
        cluster: STANDALONE,
        runtime: 'process',
        spec,
        desired: 'running',
        observation: { taskId, attempt: 1, phase: 'ended', startedAt: time, ended },
        sequence: 0,
        createdAt: time,
      } as const;
    });
    await store.transact(toWorkerTransaction({ put, remove: [] }));
  }
  await store.close();
}
