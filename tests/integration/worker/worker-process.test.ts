import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/lib/clock.ts';
import { noopLogger } from '../../../src/lib/logger.ts';
import { systemRandom } from '../../../src/lib/random.ts';
import { createProcessRuntime } from '../../../src/runtime/process/process-runtime.ts';
import { workerCollections } from '../../../src/store/collections.ts';
import { openSqliteStore } from '../../../src/store/sqlite/sqlite-store.ts';
import { taskSpecSchema } from '../../../src/task/task-spec.ts';
import { netProber } from '../../../src/worker/health/net-prober.ts';
import { loadWorkerIdentity } from '../../../src/worker/identity.ts';
import { createMachineStats } from '../../../src/worker/machine-stats.ts';
import { createWorker, type Worker } from '../../../src/worker/worker.ts';
import { eventually } from '../../support/eventually.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

/** A worker on a real store and real processes, as it is after each start of the program. */
async function startWorker(directory: string): Promise<Worker & AsyncDisposable> {
  await using parts = new AsyncDisposableStack();
  const store = await openSqliteStore({
    path: join(directory, 'worker.db'),
    role: 'worker',
    collections: workerCollections,
  });
  parts.defer(() => store.close());
  const identity = await loadWorkerIdentity(join(directory, 'identity.json'), systemRandom);
  const runtime = createProcessRuntime({
    directory: join(directory, 'processes'),
    worker: identity.id,
    clock: systemClock,
    random: systemRandom,
    logger: noopLogger,
  });
  parts.defer(() => runtime.close());
  const worker = createWorker({
    store,
    runtimes: [runtime],
    identity,
    name: 'node-1',
    address: 'http://127.0.0.1:5556',
    capacity: { cpu: 2, memory: 2 ** 32, disk: 2 ** 36 },
    machine: createMachineStats(directory),
    prober: netProber,
    version: '0.0.0-test',
  });
  parts.defer(() => worker.stop());
  await worker.start();
  const running = parts.move();
  return Object.assign(worker, { [Symbol.asyncDispose]: () => running.disposeAsync() });
}

const stateOf = (worker: Worker, id: string) => worker.getTask(id).status.state;

describe('a worker with real processes', () => {
  test('runs, keeps the last words of what fails, and adopts what runs as the same process', async () => {
    await using directory = await temporaryDirectory();
    const ids = { failing: '', server: '', late: '' };
    const before = await (async () => {
      await using worker = await startWorker(directory.path);
      const submit = async (input: object) => {
        const spec = taskSpecSchema.parse({ restart: 'never', command: 'sh', ...input });
        return (await worker.submit({ spec })).task.id;
      };
      ids.failing = await submit({ name: 'failing', args: ['-c', 'echo last words; exit 3'] });
      ids.server = await submit({ name: 'server', args: ['-c', 'exec sleep 600'] });
      const untilTold = `while [ ! -e ${directory.path}/go ]; do sleep 0.05; done; exit 7`;
      ids.late = await submit({ name: 'late', args: ['-c', untilTold] });
      await eventually(
        'the failing task has failed',
        () => stateOf(worker, ids.failing) === 'failed',
      );
      expect(worker.getTask(ids.failing).status).toMatchObject({
        exitCode: 3,
        output: 'last words',
        reason: { code: 'exited' },
      });
      await eventually('the others run', () =>
        [ids.server, ids.late].every((id) => stateOf(worker, id) === 'running'),
      );
      return worker.getTask(ids.server).status;
    })();
    await writeFile(join(directory.path, 'go'), '');
    await using worker = await startWorker(directory.path);
    expect(worker.getTask(ids.server).status).toEqual(before);
    await eventually('the late task has ended', () => stateOf(worker, ids.late) === 'failed');
    expect(worker.getTask(ids.late).status.exitCode).toBe(7);
    await worker.stopTask(ids.server);
    await eventually('the server has stopped', () => stateOf(worker, ids.server) === 'completed');
    expect(worker.getTask(ids.server).status.reason?.code).toBe('stopped-by-user');
  });

  test('notices at once that a process was killed behind its back', async () => {
    await using directory = await temporaryDirectory();
    await using worker = await startWorker(directory.path);
    const spec = taskSpecSchema.parse({
      name: 'victim',
      command: 'sleep',
      args: ['600'],
      restart: { delay: '0s', delayMax: '0s' },
    });
    const { task } = await worker.submit({ spec });
    const status = () => worker.getTask(task.id).status;
    await eventually('it runs', () => status().state === 'running');
    const killedAt = performance.now();
    process.kill(Number(status().runtimeId), 'SIGKILL');
    await eventually('it runs again', () => status().state === 'running' && status().attempt === 2);
    // A second is the promise; what it takes is a few milliseconds.
    expect(performance.now() - killedAt).toBeLessThan(5000);
    await worker.stop({ stopTasks: true });
  });
});
