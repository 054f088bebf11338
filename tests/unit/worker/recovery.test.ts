import { describe, expect, test } from 'vitest';
import { MemoryStore } from '../../../src/store/memory/memory-store.ts';
import {
  CLUSTER,
  key,
  orders,
  StreamReader,
  spec,
  taskId,
  WORKER,
  WorkerHarness,
} from './worker-harness.ts';

describe('after a crash', () => {
  test('what runs is adopted as the same instance, and what ended meanwhile is reported', async () => {
    const harness = new WorkerHarness();
    const first = await harness.boot();
    await first.assign(orders({ run: [key(1), key(2), key(3)] }));
    await harness.settle();
    const [running] = first.list().observations;
    harness.crash();
    harness.world.exit(harness.target(2), 7);
    harness.world.removeBehindBack(harness.target(3));
    const second = await harness.boot();
    const [one, two, three] = second.list().observations;
    expect(one).toEqual(running);
    expect(two).toMatchObject({ ended: { exitCode: 7, reason: { code: 'exited' } } });
    expect(three).toMatchObject({
      ended: { exitCode: 'unknown', reason: { code: 'removed-externally' } },
    });
  });

  test('a start that was interrupted is finished, and never doubled', async () => {
    const harness = new WorkerHarness({ policy: () => ({ startMs: 1000 }) });
    const first = await harness.boot();
    await first.assign(orders({ run: [key(1)] }));
    await harness.advance(500);
    harness.crash();
    const second = await harness.boot();
    await harness.advance(1500);
    expect(second.list().observations).toMatchObject([{ phase: 'running' }]);
    expect(harness.world.history.filter(({ type }) => type === 'created')).toHaveLength(1);
  });

  test('a stop that was not carried out is', async () => {
    const harness = new WorkerHarness({ policy: () => ({ stopMs: 5000 }) });
    const first = await harness.boot();
    await first.assign(orders({ run: [key(1)] }));
    await harness.settle();
    await first.assign(orders({ stop: [key(1)] }));
    harness.crash();
    const second = await harness.boot();
    await harness.advance(5000);
    expect(second.list().observations).toMatchObject([
      { ended: { exitCode: 143, reason: { code: 'stopped-by-user' } } },
    ]);
  });

  test('what ran when the machine lost power is lost on reboot, with an unknown exit code', async () => {
    const harness = new WorkerHarness();
    const first = await harness.boot();
    await first.assign(orders({ run: [key(1)] }));
    await harness.settle();
    harness.crash();
    harness.world.reboot(WORKER);
    const second = await harness.boot();
    expect(second.list().observations).toMatchObject([
      { ended: { exitCode: 'unknown', reason: { code: 'lost-on-reboot' } } },
    ]);
  });

  test('sequences go on where they were, also when the newest record is gone', async () => {
    const harness = new WorkerHarness();
    const first = await harness.boot();
    const { task } = await first.submit({ spec: spec() });
    await harness.settle();
    await first.stopTask(task.id);
    await harness.settle();
    await harness.advance(25 * 3_600_000);
    expect(first.listTasks()).toEqual([]);
    expect(await harness.store.count('attempts')).toBe(0);
    const { sequence } = first.list();
    expect(sequence).toBeGreaterThan(0);
    harness.crash();
    const second = await harness.boot();
    expect(second.list().sequence).toBe(sequence);
  });

  test('a hundred tasks are adopted with a single list of each runtime', async () => {
    const harness = new WorkerHarness();
    const first = await harness.boot();
    const keys = Array.from({ length: 100 }, (_, index) => key(index + 1));
    await first.assign(orders({ run: keys }));
    await harness.settle();
    const before = first.list();
    harness.crash();
    const second = await harness.boot();
    expect(second.list()).toEqual(before);
    expect(second.stats().taskCount).toBe(100);
  });
});

describe('instances without a record', () => {
  async function withLostStore() {
    const harness = new WorkerHarness();
    const first = await harness.boot();
    await first.assign(orders({ run: [key(1), key(2), key(3)] }));
    await first.submit({ id: taskId(4), spec: spec() });
    await harness.settle();
    harness.crash();
    const identity = { id: WORKER, cluster: CLUSTER };
    const second = await harness.boot({ store: new MemoryStore(), identity });
    return { harness, worker: second };
  }

  test('are left running and listed for the manager, but not those of nobody', async () => {
    const { harness, worker } = await withLostStore();
    expect(worker.list()).toMatchObject({
      cluster: CLUSTER,
      observations: [],
      orphans: [key(1), key(2), key(3)],
    });
    await harness.advance(60_000);
    expect(harness.running()).toEqual(['1/1', '2/1', '3/1', '4/1']);
  });

  test('are adopted, stopped or forgotten as the manager orders', async () => {
    const { harness, worker } = await withLostStore();
    await worker.assign(orders({ run: [key(1)], stop: [key(2)], forget: [key(3)] }));
    await harness.settle();
    expect(harness.running()).toEqual(['1/1', '4/1']);
    const list = worker.list();
    expect(list.orphans).toEqual([]);
    expect(list.observations).toMatchObject([
      { ...key(1), phase: 'running', runtimeId: '1001' },
      { ...key(2), phase: 'ended', ended: { exitCode: 143 } },
    ]);
    const touched = harness.world.history.filter((one) => one.taskId === key(1).taskId);
    expect(touched.map(({ type }) => type)).toEqual(['created', 'started']);
    const removed = harness.world.history.filter(({ type }) => type === 'removed');
    expect(removed).toMatchObject([key(3)]);
  });

  test('make room for a newer attempt of their task', async () => {
    const { harness, worker } = await withLostStore();
    await worker.assign(orders({ run: [key(1, 2)] }));
    await harness.settle();
    expect(harness.running()).toEqual(['1/2', '2/1', '3/1', '4/1']);
    const own = harness.world.history.filter((one) => one.taskId === key(1).taskId);
    expect(own.map(({ attempt, type }) => `${attempt} ${type}`)).toEqual([
      '1 created',
      '1 started',
      '1 signalled',
      '1 ended',
      '2 created',
      '2 started',
    ]);
  });

  test('that only come to light with their runtime still bar a second instance of the task', async () => {
    const harness = new WorkerHarness();
    const first = await harness.boot();
    await first.assign(orders({ run: [key(1)] }));
    await harness.settle();
    harness.crash();
    harness.world.setOutage(WORKER, 'it is restarted');
    const second = await harness.boot({ store: new MemoryStore() });
    await second.assign(orders({ run: [key(1, 2)] }));
    await harness.advance(20_000);
    harness.world.setOutage(WORKER);
    await harness.advance(20_000);
    expect(harness.running()).toEqual(['1/2']);
    let runningCount = 0;
    let most = 0;
    for (const { type } of harness.world.history) {
      if (type === 'started') runningCount += 1;
      if (type === 'ended') runningCount -= 1;
      most = Math.max(most, runningCount);
    }
    expect(most).toBe(1);
  });

  test('forgotten before they were seen are removed when they are', async () => {
    const harness = new WorkerHarness();
    const first = await harness.boot();
    await first.assign(orders({ run: [key(1)] }));
    await harness.settle();
    harness.crash();
    harness.world.setOutage(WORKER, 'it is restarted');
    const second = await harness.boot({ store: new MemoryStore() });
    await second.assign(orders({ forget: [key(1)] }));
    await harness.advance(20_000);
    harness.world.setOutage(WORKER);
    await harness.advance(20_000);
    expect(harness.running()).toEqual([]);
    expect(second.list()).toMatchObject({ observations: [], orphans: [] });
  });
});

describe('a runtime that does not answer', () => {
  test('changes nothing of what is known, and is told as a fact', async () => {
    const harness = new WorkerHarness();
    const worker = await harness.boot();
    await worker.assign(orders({ run: [key(1)] }));
    await harness.settle();
    const before = worker.list().observations;
    const reader = new StreamReader(worker, worker.list().sequence);
    harness.world.setOutage(WORKER, 'the engine is away');
    await harness.advance(60_000);
    expect(worker.list().observations).toEqual(before);
    expect(reader.reports).toEqual([]);
    expect(worker.facts().runtimes).toContainEqual({
      name: 'process',
      available: false,
      reason: 'the engine is away',
    });
    harness.world.exit(harness.target(1), 5);
    harness.world.setOutage(WORKER);
    await harness.advance(5000);
    expect(worker.list().observations).toMatchObject([{ ended: { exitCode: 5 } }]);
    expect(worker.facts().runtimes).toContainEqual({
      name: 'process',
      available: true,
      version: 'simulated',
    });
  });

  test('at the start holds the worker up for seconds at most, and is looked at when it is back', async () => {
    const harness = new WorkerHarness();
    const first = await harness.boot();
    await first.assign(orders({ run: [key(1)] }));
    await harness.settle();
    harness.crash();
    harness.world.setOutage(WORKER, 'the engine is away');
    harness.world.exit(harness.target(1), 9);
    const second = await harness.boot();
    expect(second.list().observations).toMatchObject([{ phase: 'running' }]);
    harness.world.setOutage(WORKER);
    await harness.advance(10_000);
    expect(second.list().observations).toMatchObject([{ ended: { exitCode: 9 } }]);
  });

  test('has its starts wait for it, saying so', async () => {
    const harness = new WorkerHarness();
    const worker = await harness.boot();
    harness.world.setOutage(WORKER, 'the engine is away');
    await worker.assign(orders({ run: [key(1)] }));
    await harness.advance(30_000);
    const [waiting] = worker.list().observations;
    expect(waiting?.phase).toBe('preparing');
    expect(waiting?.progress).toMatch(/^Waiting for process: /);
    await worker.assign(orders({ run: [key(2)], stop: [key(2)] }));
    harness.world.setOutage(WORKER);
    await harness.advance(5000);
    expect(harness.running()).toEqual(['1/1']);
    expect(worker.list().observations[0]).not.toHaveProperty('progress');
  });
});

describe('behind the worker’s back', () => {
  test.each([
    ['killed', 'stopped-externally', 137],
    ['removed', 'removed-externally', 'unknown'],
    ['ended', 'exited', 3],
  ] as const)('what is %s is reported as %s at once', async (how, reason, exitCode) => {
    const harness = new WorkerHarness();
    const worker = await harness.boot();
    await worker.assign(orders({ run: [key(1)] }));
    await harness.settle();
    meddle(harness, how);
    await harness.settle();
    expect(worker.list().observations).toMatchObject([
      { phase: 'ended', ended: { exitCode, reason: { code: reason } } },
    ]);
  });

  test.each(['killed', 'removed', 'ended'] as const)(
    'what is %s is found within ten seconds when the event is lost',
    async (how) => {
      const harness = new WorkerHarness();
      const worker = await harness.boot();
      await worker.assign(orders({ run: [key(1)] }));
      await harness.settle();
      harness.world.loseEvents(WORKER, true);
      meddle(harness, how);
      await harness.settle();
      expect(worker.list().observations).toMatchObject([{ phase: 'running' }]);
      await harness.advance(10_000);
      expect(worker.list().observations).toMatchObject([{ phase: 'ended' }]);
    },
  );

  test('what may have changed while events were missed is looked at on resync', async () => {
    const harness = new WorkerHarness();
    const worker = await harness.boot();
    await worker.assign(orders({ run: [key(1)] }));
    await harness.settle();
    harness.world.loseEvents(WORKER, true);
    meddle(harness, 'killed');
    harness.world.loseEvents(WORKER, false);
    harness.world.resync(WORKER);
    await harness.settle();
    expect(worker.list().observations).toMatchObject([{ phase: 'ended' }]);
  });

  function meddle(harness: WorkerHarness, how: 'killed' | 'removed' | 'ended'): void {
    if (how === 'killed') harness.world.kill(harness.target(1));
    if (how === 'removed') harness.world.removeBehindBack(harness.target(1));
    if (how === 'ended') harness.world.exit(harness.target(1), 3);
  }
});
