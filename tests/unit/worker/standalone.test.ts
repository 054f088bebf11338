import { describe, expect, test } from 'vitest';
import { STANDALONE, toWorkerTransaction } from '../../../src/store/attempt-repository.ts';
import { MemoryStore } from '../../../src/store/memory/memory-store.ts';
import { key, orders, spec, taskId, WorkerHarness } from './worker-harness.ts';

const never = spec({ restart: 'never' });

describe('a task given to a worker directly', () => {
  test('runs, is shown, and is stopped', async () => {
    const harness = new WorkerHarness();
    const worker = await harness.boot();
    const { task, created } = await worker.submit({ id: taskId(1), spec: spec() });
    expect(created).toBe(true);
    expect(task).toMatchObject({
      id: taskId(1),
      status: { state: 'scheduled', desired: 'running', attempt: 1, restartCount: 0 },
    });
    await harness.settle();
    expect(worker.getTask(taskId(1)).status).toMatchObject({
      state: 'running',
      node: 'node-1',
      runtimeId: '1001',
      startedAt: '2030-01-01T00:00:00.000Z',
    });
    const stopping = await worker.stopTask(taskId(1));
    expect(stopping.status.desired).toBe('stopped');
    await harness.settle();
    expect(worker.listTasks()).toMatchObject([
      { status: { state: 'completed', exitCode: 143, reason: { code: 'stopped-by-user' } } },
    ]);
    await worker.stopTask(taskId(1));
    await harness.advance(60_000);
    expect(harness.running()).toEqual([]);
  });

  test('gets an id where none is given', async () => {
    const harness = new WorkerHarness();
    const worker = await harness.boot();
    const first = await worker.submit({ spec: spec() });
    const second = await worker.submit({ spec: spec() });
    expect(first.task.id).not.toBe(second.task.id);
  });

  test('is the same task when it is submitted again, and a conflict with another spec', async () => {
    const harness = new WorkerHarness();
    const worker = await harness.boot();
    await worker.submit({ id: taskId(1), spec: spec() });
    const again = await worker.submit({ id: taskId(1), spec: spec() });
    expect(again.created).toBe(false);
    const refused = worker.submit({ id: taskId(1), spec: spec({ cpu: 2 }) });
    await expect(refused).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('"cpu"'),
    });
    await harness.settle();
    expect(harness.running()).toEqual(['1/1']);
  });

  test.each([
    ['exits with 0', 0, 'completed'],
    ['fails', 3, 'failed'],
  ] as const)('that %s is shown as such', async (_, exitCode, state) => {
    const policy = () => ({
      exit: { afterMs: 100, code: exitCode },
      output: [{ afterMs: 10, stream: 'stderr', text: 'last words' }] as const,
    });
    const harness = new WorkerHarness({ policy });
    const worker = await harness.boot();
    await worker.submit({ id: taskId(1), spec: never });
    await harness.advance(200);
    const { status } = worker.getTask(taskId(1));
    expect(status).toMatchObject({ state, exitCode, reason: { code: 'exited' } });
    expect(status.output).toBe(exitCode === 0 ? undefined : 'last words');
  });

  test('belongs to the worker alone: a manager cannot touch it, nor the other way round', async () => {
    const harness = new WorkerHarness();
    const worker = await harness.boot();
    await worker.submit({ id: taskId(1), spec: spec({ name: 'mine' }) });
    await worker.assign(orders({ run: [key(1), key(2)], stop: [key(1)], forget: [key(1)] }));
    await harness.settle();
    expect(harness.running()).toEqual(['1/1', '2/1']);
    await expect(worker.stopTask(taskId(2))).rejects.toMatchObject({ code: 'forbidden' });
    const refused = worker.submit({ id: taskId(2), spec: spec() });
    await expect(refused).rejects.toMatchObject({ code: 'conflict' });
    expect(worker.listTasks().map(({ id }) => id)).toEqual([taskId(1), taskId(2)]);
  });

  test('goes on as the manager’s when that orders the very same task', async () => {
    const harness = new WorkerHarness();
    const worker = await harness.boot();
    await worker.submit({ id: taskId(1), spec: spec() });
    await harness.settle();
    await worker.assign(orders({ run: [key(1)] }));
    await harness.settle();
    expect(worker.list().observations).toMatchObject([{ ...key(1), phase: 'running' }]);
    expect(harness.world.history.filter(({ type }) => type === 'started')).toHaveLength(1);
    await worker.assign(orders({ stop: [key(1)] }));
    await harness.settle();
    expect(harness.running()).toEqual([]);
  });

  test('makes room for the manager’s once it has ended', async () => {
    const harness = new WorkerHarness();
    const worker = await harness.boot();
    await worker.submit({ id: taskId(1), spec: spec({ name: 'mine' }) });
    await harness.settle();
    await worker.stopTask(taskId(1));
    await harness.settle();
    await worker.assign(orders({ run: [key(1)] }));
    expect(worker.list().observations).toMatchObject([
      { ...key(1), phase: 'ended', ended: { reason: { code: 'start-failed' } } },
    ]);
    await worker.assign(orders({ run: [key(1, 2)] }));
    await harness.settle();
    expect(harness.running()).toEqual(['1/2']);
  });

  test('that nobody knows is not found', async () => {
    const worker = await new WorkerHarness().boot();
    expect(() => worker.getTask(taskId(1))).toThrowError(/no task/);
    await expect(worker.stopTask(taskId(1))).rejects.toMatchObject({ code: 'not-found' });
  });
});

describe('the restart of a standalone task', () => {
  const restart = { policy: 'on-failure', delay: '2s', delayMax: '2s' } as const;
  const failing = () => ({ exit: { afterMs: 1000, code: 1 } });

  test('is a new attempt after the delay of its policy', async () => {
    const harness = new WorkerHarness({ policy: failing });
    const worker = await harness.boot();
    await worker.submit({ id: taskId(1), spec: spec({ restart }) });
    await harness.advance(1500);
    expect(worker.getTask(taskId(1)).status).toMatchObject({
      state: 'failed',
      attempt: 1,
      restartDelayMs: 2000,
      recentRestartCount: 1,
    });
    await harness.advance(1500);
    expect(worker.getTask(taskId(1)).status).toMatchObject({
      state: 'running',
      attempt: 2,
      restartCount: 1,
    });
    expect(harness.running()).toEqual(['1/2']);
  });

  test('goes on after a crash of the worker, with its count', async () => {
    const harness = new WorkerHarness({ policy: failing });
    const first = await harness.boot();
    await first.submit({ id: taskId(1), spec: spec({ restart }) });
    await harness.advance(1500);
    harness.crash();
    const second = await harness.boot();
    await harness.advance(2500);
    expect(second.getTask(taskId(1)).status).toMatchObject({ attempt: 2, restartCount: 1 });
  });

  test('keeps the attempt before the last, and forgets older ones', async () => {
    const harness = new WorkerHarness({ policy: failing });
    const worker = await harness.boot();
    await worker.submit({ id: taskId(1), spec: spec({ restart }) });
    await harness.advance(9500);
    expect(worker.getTask(taskId(1)).status.attempt).toBe(4);
    const removed = harness.world.history.filter(({ type }) => type === 'removed');
    expect(removed.map(({ attempt }) => attempt)).toEqual([1, 2]);
  });

  test('ends when the policy is exhausted, and says so', async () => {
    const harness = new WorkerHarness({ policy: failing });
    const worker = await harness.boot();
    await worker.submit({ id: taskId(1), spec: spec({ restart: { ...restart, attempts: 2 } }) });
    await harness.advance(60_000);
    expect(worker.getTask(taskId(1)).status).toMatchObject({
      state: 'failed',
      attempt: 3,
      exitCode: 1,
      reason: { code: 'restarts-exhausted' },
    });
  });

  test('is counted by how long it ran, whatever the wall clock did meanwhile', async () => {
    const harness = new WorkerHarness({ policy: failing });
    const worker = await harness.boot();
    await worker.submit({ id: taskId(1), spec: spec({ restart: { ...restart, attempts: 2 } }) });
    for (let attempt = 1; attempt <= 3; attempt += 1) {
      await harness.advance(500);
      harness.clock.stepWall(3_600_000);
      await harness.advance(2500);
    }
    expect(worker.getTask(taskId(1)).status).toMatchObject({
      state: 'failed',
      attempt: 3,
      reason: { code: 'restarts-exhausted' },
    });
  });

  test('is called off by a stop while it waits', async () => {
    const harness = new WorkerHarness({ policy: failing });
    const worker = await harness.boot();
    await worker.submit({ id: taskId(1), spec: spec({ restart }) });
    await harness.advance(1500);
    const task = await worker.stopTask(taskId(1));
    expect(task.status).toMatchObject({ state: 'failed', desired: 'stopped' });
    expect(task.status).not.toHaveProperty('restartDelayMs');
    await harness.advance(60_000);
    expect(worker.getTask(taskId(1)).status.attempt).toBe(1);
  });

  test('does not come after an exit with 0, unless always is wanted', async () => {
    const harness = new WorkerHarness({ policy: () => ({ exit: { afterMs: 1000, code: 0 } }) });
    const worker = await harness.boot();
    await worker.submit({ id: taskId(1), spec: spec({ restart }) });
    await worker.submit({ id: taskId(2), spec: spec({ restart: 'always' }) });
    await harness.advance(10_000);
    expect(worker.getTask(taskId(1)).status).toMatchObject({ state: 'completed', attempt: 1 });
    expect(worker.getTask(taskId(2)).status.attempt).toBeGreaterThan(1);
  });
});

describe('ended standalone tasks', () => {
  test('are kept for a day', async () => {
    const harness = new WorkerHarness({ policy: () => ({ exit: { afterMs: 0, code: 0 } }) });
    const worker = await harness.boot({
      probeMs: 3_600_000,
      compareMs: 3_600_000,
      heartbeatMs: 3_600_000,
    });
    await worker.submit({ id: taskId(1), spec: spec() });
    await harness.advance(23 * 3_600_000);
    harness.clock.stepWall(365 * 86_400_000);
    await harness.advance(1000);
    expect(worker.listTasks()).toHaveLength(1);
    await harness.advance(2 * 3_600_000);
    expect(worker.listTasks()).toEqual([]);
    expect(harness.world.history.at(-1)).toMatchObject({ type: 'removed' });
  });

  test('are kept up to a hundred, and the oldest go first', async () => {
    const harness = new WorkerHarness({ policy: () => ({ exit: { afterMs: 0, code: 0 } }) });
    const worker = await harness.boot();
    for (let number = 1; number <= 105; number += 1) {
      await worker.submit({ id: taskId(number), spec: spec() });
      await harness.advance(10);
    }
    await harness.advance(120_000);
    const ids = worker.listTasks().map(({ id }) => id);
    expect(ids).toHaveLength(100);
    expect(ids[0]).toBe(taskId(6));
  });

  test('are forgotten a bounded number at a time, until no more than those are left', async () => {
    const sizes: number[] = [];
    const store = new MemoryStore();
    const finishedAt = '2030-01-01T00:00:00.000Z';
    const reason = { code: 'exited', message: 'It ended.' } as const;
    const put = Array.from({ length: 1300 }, (_, number) => {
      const place = { taskId: taskId(number + 1), attempt: 1 };
      const ended = { exitCode: 0, reason, finishedAt };
      return {
        ...place,
        cluster: STANDALONE,
        runtime: 'process',
        spec: spec(),
        desired: 'running',
        observation: { ...place, phase: 'ended', ended },
        sequence: 0,
        createdAt: finishedAt,
      } as const;
    });
    await store.transact(toWorkerTransaction({ put, remove: [] }));
    const transact = store.transact.bind(store);
    store.transact = (transaction) => {
      sizes.push(transaction.put?.length ?? 0);
      return transact(transaction);
    };
    const harness = new WorkerHarness({ store });
    const worker = await harness.boot();
    await harness.advance(120_000);
    expect(worker.listTasks()).toHaveLength(100);
    expect(Math.max(...sizes)).toBe(500);
  });
});
