import { describe, expect, test } from 'vitest';
import { CubeError } from '../../../src/errors/cube-error.ts';
import { createSimulatedRuntime } from '../../../src/runtime/simulated/simulated-runtime.ts';
import { MemoryStore } from '../../../src/store/memory/memory-store.ts';
import type { Store } from '../../../src/store/store.ts';
import { taskSpecSchema } from '../../../src/task/task-spec.ts';
import {
  CLUSTER,
  key,
  orders,
  StreamReader,
  spec,
  WORKER,
  WorkerHarness,
} from './worker-harness.ts';

const OTHER_CLUSTER = 'd2d2d2d2-0000-4000-8000-000000000002';

describe('orders', () => {
  test('run what they name, and what runs is reported', async () => {
    const harness = new WorkerHarness();
    const worker = await harness.boot();
    const reader = new StreamReader(worker);
    await worker.assign(orders({ run: [key(1)] }));
    expect(worker.list().observations).toMatchObject([{ ...key(1), phase: 'preparing' }]);
    await harness.settle();
    expect(harness.running()).toEqual(['1/1']);
    expect(reader.reports.at(-1)?.observation).toEqual({
      ...key(1),
      phase: 'running',
      runtimeId: '1001',
      startedAt: '2030-01-01T00:00:00.000Z',
      ports: [],
    });
    expect(worker.stats().taskCount).toBe(1);
  });

  test('may be repeated without effect', async () => {
    const harness = new WorkerHarness();
    const worker = await harness.boot();
    const same = orders({ run: [key(1), key(2)], stop: [key(2)], forget: [key(3)] });
    await worker.assign(same);
    await harness.settle();
    const { sequence, observations } = worker.list();
    await worker.assign(same);
    await worker.assign(same);
    await harness.advance(30_000);
    expect(worker.list()).toMatchObject({ sequence, observations });
    const started = harness.world.history.filter(({ type }) => type === 'started');
    expect(started.map(({ taskId }) => taskId)).toEqual([key(1).taskId]);
  });

  test('of an older epoch are refused whole', async () => {
    const harness = new WorkerHarness();
    const worker = await harness.boot();
    await worker.assign(orders({ epoch: 5 }));
    const refused = worker.assign(orders({ epoch: 4, run: [key(1)] }));
    await expect(refused).rejects.toMatchObject({ code: 'stale-epoch' });
    harness.crash();
    const next = await harness.boot();
    await expect(next.assign(orders({ epoch: 4 }))).rejects.toMatchObject({ code: 'stale-epoch' });
    await next.assign(orders({ epoch: 5, run: [key(2)] }));
    await harness.settle();
    expect(harness.running()).toEqual(['2/1']);
  });

  test('of another cluster are refused, also when only the identity file knows the own one', async () => {
    const harness = new WorkerHarness();
    const worker = await harness.boot({ identity: { id: key(9).taskId, cluster: CLUSTER } });
    const foreign = orders({ cluster: OTHER_CLUSTER, run: [key(1)] });
    await expect(worker.assign(foreign)).rejects.toMatchObject({ code: 'wrong-cluster' });
    await worker.assign(orders({}));
    await expect(worker.assign(foreign)).rejects.toMatchObject({ code: 'wrong-cluster' });
    expect(worker.list()).toMatchObject({ cluster: CLUSTER, observations: [] });
  });

  test('of an older epoch are refused, also when only the identity file knows the newer one', async () => {
    const harness = new WorkerHarness();
    const identity = { id: key(9).taskId, cluster: CLUSTER, epoch: 3 };
    const worker = await harness.boot({ identity });
    const stale = orders({ epoch: 2, forget: [key(1)] });
    await expect(worker.assign(stale)).rejects.toMatchObject({
      code: 'stale-epoch',
      message: 'The orders are of epoch 2, and this worker obeys epoch 3.',
    });
    await worker.assign(orders({ epoch: 3 }));
  });

  test('for an earlier life of the worker are refused: it may have lost what they rest on', async () => {
    const harness = new WorkerHarness();
    const first = await harness.boot();
    const late = orders({ run: [key(1)], incarnation: first.list().incarnation });
    harness.crash();
    await harness.advance(100);
    const next = await harness.boot({ store: new MemoryStore() });
    await expect(next.assign(late)).rejects.toMatchObject({ code: 'stale-orders' });
    await harness.settle();
    expect(harness.running()).toEqual([]);
    await next.assign({ ...late, incarnation: next.list().incarnation });
    await harness.settle();
    expect(harness.running()).toEqual(['1/1']);
  });

  test('in another protocol are refused', async () => {
    const worker = await new WorkerHarness().boot();
    const refused = worker.assign(orders({ protocol: 2 }));
    await expect(refused).rejects.toMatchObject({ code: 'invalid-input' });
  });

  test('are durable in one transaction before they are carried out', async () => {
    const store = new HeldStore();
    const harness = new WorkerHarness({ store });
    const worker = await harness.boot();
    store.hold();
    let isTaken = false;
    const taken = worker.assign(orders({ epoch: 3, run: [key(1), key(2)] })).then(() => {
      isTaken = true;
    });
    await harness.settle();
    expect(isTaken).toBe(false);
    expect(worker.list().observations).toEqual([]);
    expect(harness.running()).toEqual([]);
    expect(store.heldPutCount).toEqual([3]);
    store.release();
    await taken;
    await harness.settle();
    expect(harness.running()).toEqual(['1/1', '2/1']);
  });

  test('that cannot be made durable change nothing, and may be given again', async () => {
    const store = new HeldStore();
    const harness = new WorkerHarness({ store });
    const worker = await harness.boot();
    store.failWith(new CubeError('storage-full', 'The disk is full.'));
    const refused = worker.assign(orders({ run: [key(1)] }));
    await expect(refused).rejects.toMatchObject({ code: 'storage-full' });
    expect(worker.list()).toMatchObject({ observations: [], sequence: 0 });
    store.failWith(undefined);
    await worker.assign(orders({ run: [key(1)] }));
    await harness.settle();
    expect(harness.running()).toEqual(['1/1']);
  });
});

describe('a stop', () => {
  test('stops, and tells the exit code', async () => {
    const harness = new WorkerHarness();
    const worker = await harness.boot();
    await worker.assign(orders({ run: [key(1)] }));
    await harness.settle();
    await worker.assign(orders({ stop: [key(1)] }));
    await harness.settle();
    expect(harness.running()).toEqual([]);
    expect(worker.list().observations).toMatchObject([
      { phase: 'ended', ended: { exitCode: 143, reason: { code: 'stopped-by-user' } } },
    ]);
  });

  test('says when the task had to be killed', async () => {
    const harness = new WorkerHarness({ policy: () => ({ ignoresStop: true }) });
    const worker = await harness.boot();
    await worker.assign(orders({ run: [{ ...key(1), spec: spec({ stopTimeout: '5s' }) }] }));
    await harness.settle();
    await worker.assign(orders({ stop: [key(1)] }));
    await harness.advance(4999);
    expect(harness.running()).toEqual(['1/1']);
    await harness.advance(1);
    expect(worker.list().observations).toMatchObject([
      { ended: { exitCode: 137, reason: { code: 'killed-after-timeout' } } },
    ]);
  });

  test('that the runtime cannot carry out says so, is tried again, and holds up nobody else', async () => {
    const harness = new WorkerHarness();
    const { random, clock, world } = harness;
    const runtime = createSimulatedRuntime({
      name: 'process',
      worker: WORKER,
      clock,
      random,
      world,
    });
    const stop = runtime.stop.bind(runtime);
    let isStuck = true;
    runtime.stop = async (which, how) => {
      if (isStuck) throw new CubeError('runtime-failed', 'It does not die.');
      return await stop(which, how);
    };
    const worker = await harness.boot({ runtimes: [runtime] });
    await worker.assign(orders({ run: [key(1)] }));
    await harness.settle();
    await worker.assign(orders({ run: [key(1, 2), key(2)] }));
    await worker.assign(orders({ stop: [key(1, 2)] }));
    await harness.settle();
    expect(worker.list().observations).toMatchObject([
      { ...key(1), phase: 'running', progress: 'stuck: It does not die.' },
      { ...key(1, 2), phase: 'ended' },
      { ...key(2), phase: 'running' },
    ]);
    isStuck = false;
    await harness.advance(10_000);
    expect(harness.running()).toEqual(['2/1']);
  });

  test('of an attempt that is not known bars a delayed order to run it, and is confirmed', async () => {
    const harness = new WorkerHarness();
    const worker = await harness.boot();
    const reader = new StreamReader(worker);
    await worker.assign(orders({ stop: [key(1)] }));
    await worker.assign(orders({ run: [key(1)] }));
    await harness.settle();
    expect(harness.running()).toEqual([]);
    expect(reader.reports.map(({ observation }) => observation)).toMatchObject([
      { ...key(1), phase: 'ended' },
    ]);
    harness.crash();
    const next = await harness.boot();
    await next.assign(orders({ run: [key(1)] }));
    await harness.settle();
    expect(harness.running()).toEqual([]);
  });

  test('of an attempt that is not known is confirmed only when its runtime has been asked', async () => {
    const harness = new WorkerHarness();
    const first = await harness.boot();
    await first.assign(orders({ run: [key(1)] }));
    await harness.settle();
    harness.crash();
    harness.world.setOutage(WORKER, 'It is away.');
    const second = await harness.boot({ store: new MemoryStore() });
    const reader = new StreamReader(second);
    await second.assign(orders({ stop: [{ ...key(1), runtime: 'process' }] }));
    await harness.advance(20_000);
    expect(reader.reports.some(({ observation }) => observation.phase === 'ended')).toBe(false);
    harness.world.setOutage(WORKER);
    await harness.advance(20_000);
    expect(harness.running()).toEqual([]);
    expect(reader.reports.at(-1)?.observation).toMatchObject({ ...key(1), phase: 'ended' });
  });

  test('ends a start that is under way, and leaves nothing of it', async () => {
    const policy = () => ({ startMs: 60_000, progress: 'pulling server' });
    const harness = new WorkerHarness({ policy });
    const worker = await harness.boot();
    await worker.assign(orders({ run: [key(1)] }));
    await harness.advance(1000);
    expect(worker.list().observations).toMatchObject([
      { phase: 'preparing', progress: 'pulling server' },
    ]);
    await worker.assign(orders({ stop: [key(1)] }));
    await harness.settle();
    expect(worker.list().observations).toMatchObject([
      { phase: 'ended', ended: { reason: { code: 'stopped-by-user' } } },
    ]);
    expect(worker.list().observations[0]?.ended).not.toHaveProperty('exitCode');
    expect(harness.world.history.map(({ type }) => type)).toEqual(['created', 'removed']);
  });

  test('overtakes a start that waits for its turn', async () => {
    const harness = new WorkerHarness({ policy: () => ({ startMs: 1000 }) });
    const worker = await harness.boot({ startConcurrency: 1 });
    await worker.assign(orders({ run: [key(1), key(2), key(3)] }));
    await harness.advance(500);
    await worker.assign(orders({ stop: [key(2)] }));
    await harness.settle();
    expect(worker.list().observations).toMatchObject([
      { phase: 'preparing' },
      { ...key(2), phase: 'ended' },
      { phase: 'preparing' },
    ]);
    await harness.advance(1500);
    expect(harness.running()).toEqual(['1/1', '3/1']);
  });
});

describe('starts', () => {
  test('go on side by side up to the limit', async () => {
    const harness = new WorkerHarness({ policy: () => ({ startMs: 1000 }) });
    const worker = await harness.boot({ startConcurrency: 2 });
    await worker.assign(orders({ run: [1, 2, 3, 4, 5].map((number) => key(number)) }));
    await harness.advance(1000);
    expect(harness.running()).toHaveLength(2);
    await harness.advance(1000);
    expect(harness.running()).toHaveLength(4);
    await harness.advance(1000);
    expect(harness.running()).toHaveLength(5);
  });

  test('that are slow make room for others, up to a limit of their own', async () => {
    const harness = new WorkerHarness({
      policy: ({ spec: { command } }) => (command === 'slow' ? { startMs: 600_000 } : {}),
    });
    const worker = await harness.boot({ startConcurrency: 1 });
    const slow = { spec: spec({ command: 'slow' }) };
    await worker.assign(orders({ run: [{ ...key(1), ...slow }] }));
    await harness.settle();
    await worker.assign(orders({ run: [key(2)] }));
    await harness.advance(4999);
    expect(harness.running()).toEqual([]);
    await harness.advance(1);
    expect(harness.running()).toEqual(['2/1']);
    await worker.assign(orders({ run: [3, 4, 5, 6].map((one) => ({ ...key(one), ...slow })) }));
    await worker.assign(orders({ run: [key(7)] }));
    await harness.advance(60_000);
    expect(harness.running()).toEqual(['2/1']);
    expect(harness.world.history.filter(({ type }) => type === 'created')).toHaveLength(5);
    await harness.advance(600_000);
    expect(harness.running()).toContain('7/1');
  });

  test('in one runtime do not wait for those in another', async () => {
    const harness = new WorkerHarness({
      policy: ({ runtime }) => (runtime === 'docker' ? { startMs: 600_000 } : {}),
    });
    const worker = await harness.boot({ startConcurrency: 1 });
    const image = taskSpecSchema.parse({ name: 'job', image: 'server' });
    await worker.assign(orders({ run: [{ ...key(1), spec: image }, key(2)] }));
    await harness.settle();
    expect(harness.running()).toEqual(['2/1']);
  });

  test.each([
    ['image-missing', 'image-missing'],
    ['port-taken', 'port-taken'],
    ['not-allowed', 'not-allowed'],
    ['runtime-failed', 'start-failed'],
  ] as const)(
    'that fail with %s end the attempt as %s, in the words of the runtime',
    async (code, reason) => {
      const startFailure = { code, message: 'It went wrong like this.' };
      const harness = new WorkerHarness({ policy: () => ({ startFailure }) });
      const worker = await harness.boot();
      await worker.assign(orders({ run: [key(1)] }));
      await harness.settle();
      const [observation] = worker.list().observations;
      expect(observation?.ended?.reason).toEqual({ code: reason, message: startFailure.message });
      expect(observation?.ended).not.toHaveProperty('exitCode');
    },
  );

  test('whose reply is lost are found, not doubled', async () => {
    let startCount = 0;
    const harness = new WorkerHarness({
      policy: () => {
        startCount += 1;
        return { startReplyLost: startCount === 1 };
      },
    });
    const worker = await harness.boot();
    await worker.assign(orders({ run: [key(1)] }));
    await harness.advance(5000);
    expect(worker.list().observations).toMatchObject([{ phase: 'running' }]);
    expect(harness.world.history.filter(({ type }) => type === 'created')).toHaveLength(1);
  });

  test('on a runtime that this worker does not have end the attempt', async () => {
    const harness = new WorkerHarness();
    const worker = await harness.boot({ runtimes: [] });
    await worker.assign(orders({ run: [key(1)] }));
    await harness.settle();
    expect(worker.list().observations).toMatchObject([
      { phase: 'ended', ended: { reason: { code: 'runtime-unavailable' } } },
    ]);
  });
});

describe('a new attempt', () => {
  test('starts only when the older one has ended', async () => {
    const harness = new WorkerHarness({ policy: () => ({ stopMs: 3000 }) });
    const worker = await harness.boot();
    await worker.assign(orders({ run: [key(1)] }));
    await harness.settle();
    await worker.assign(orders({ run: [key(1, 2)] }));
    await harness.advance(2999);
    expect(harness.running()).toEqual(['1/1']);
    await harness.advance(1);
    expect(harness.running()).toEqual(['1/2']);
    expect(worker.list().observations[0]?.ended?.reason.message).toContain('attempt 2');
  });

  test('waits while the runtime of the older one does not answer', async () => {
    const harness = new WorkerHarness();
    const worker = await harness.boot();
    await worker.assign(orders({ run: [key(1)] }));
    await harness.settle();
    const { random, clock, world } = harness;
    await worker.stop();
    const [older, newer] = (['process', 'docker'] as const).map((name) =>
      createSimulatedRuntime({ name, worker: WORKER, clock, random, world }),
    );
    if (older === undefined || newer === undefined) throw new Error('There are two runtimes.');
    let isAway = true;
    const stop = older.stop.bind(older);
    older.stop = async (which, how) => {
      if (isAway) throw new CubeError('runtime-unavailable', 'It does not answer.');
      return await stop(which, how);
    };
    const next = await harness.boot({ runtimes: [older, newer] });
    const image = taskSpecSchema.parse({ name: 'job', image: 'server' });
    await next.assign(orders({ run: [{ ...key(1, 2), spec: image }] }));
    await harness.advance(30_000);
    expect(harness.running()).toEqual(['1/1']);
    isAway = false;
    await harness.advance(10_000);
    expect(harness.running()).toEqual(['1/2']);
  });

  test('is never followed by an older one', async () => {
    const harness = new WorkerHarness();
    const worker = await harness.boot();
    await worker.assign(orders({ run: [key(1, 3)] }));
    await worker.assign(orders({ run: [key(1, 2)] }));
    await harness.settle();
    expect(harness.running()).toEqual(['1/3']);
    expect(worker.list().observations).toMatchObject([key(1, 3)]);
  });

  test('is all that is kept of the task, also when orders for an older one come late', async () => {
    const harness = new WorkerHarness();
    const worker = await harness.boot();
    await worker.assign(orders({ run: [key(1, 2)] }));
    await worker.assign(orders({ stop: [key(1)] }));
    await worker.assign(orders({ forget: [key(1)] }));
    await harness.settle();
    expect(worker.list().observations).toMatchObject([key(1, 2)]);
  });
});

describe('to forget', () => {
  test('takes the anonymous volumes along only when told that the task is gone', async () => {
    const harness = new WorkerHarness();
    const removals: [number, boolean][] = [];
    const { clock, random, world } = harness;
    const runtime = createSimulatedRuntime({
      name: 'process',
      worker: WORKER,
      clock,
      random,
      world,
    });
    const remove = runtime.remove.bind(runtime);
    runtime.remove = async (instance, options) => {
      removals.push([instance.attempt, options.removeVolumes]);
      await remove(instance, options);
    };
    const worker = await harness.boot({ runtimes: [runtime] });
    await worker.assign(orders({ run: [key(1), key(2)] }));
    await harness.settle();
    await worker.assign(orders({ forget: [key(1), { ...key(2), dropVolumes: true }] }));
    await harness.settle();
    expect(removals).toEqual([
      [1, false],
      [1, true],
    ]);
  });

  test('stops, removes and leaves nothing but a bar against delayed orders', async () => {
    const harness = new WorkerHarness();
    const worker = await harness.boot();
    await worker.assign(orders({ run: [key(1)] }));
    await harness.settle();
    await worker.assign(orders({ forget: [key(1)] }));
    await harness.settle();
    expect(harness.world.history.map(({ type }) => type)).toEqual([
      'created',
      'started',
      'signalled',
      'ended',
      'removed',
    ]);
    expect(worker.list()).toMatchObject({ observations: [], orphans: [] });
    expect(worker.listTasks()).toEqual([]);
    harness.crash();
    const next = await harness.boot();
    await next.assign(orders({ run: [key(1)] }));
    await harness.settle();
    expect(harness.running()).toEqual([]);
    await next.assign(orders({ run: [key(1, 2)] }));
    await harness.settle();
    expect(harness.running()).toEqual(['1/2']);
  });

  test('keeps a bounded number of bars, and no secrets in them', async () => {
    const harness = new WorkerHarness();
    const worker = await harness.boot();
    for (let batch = 0; batch < 3; batch += 1) {
      const keys = Array.from({ length: 500 }, (_, index) => key(batch * 500 + index + 1));
      await worker.assign(orders({ forget: keys }));
    }
    await worker.assign(orders({ forget: [key(5000)] }));
    expect(await harness.store.count('attempts')).toBeLessThanOrEqual(1501);
    await worker.assign(orders({ forget: [key(5001)] }));
    expect(await harness.store.count('attempts')).toBeLessThanOrEqual(1001);
    const env = { TOKEN: { secret: 'hush-hush' } };
    await worker.assign(orders({ run: [{ ...key(6000), spec: spec({ env }) }] }));
    await harness.settle();
    await worker.assign(orders({ forget: [key(6000)] }));
    await harness.settle();
    const records = await harness.store.list('attempts', { limit: 10_000 });
    expect(JSON.stringify(records)).not.toContain('hush-hush');
  });
});

/** A store whose transactions wait, or fail, at the test's word. */
class HeldStore extends MemoryStore implements Store {
  readonly heldPutCount: number[] = [];
  #gate: { readonly opened: Promise<void>; readonly open: () => void } | undefined;
  #failure: CubeError | undefined;

  override async transact(transaction: Parameters<Store['transact']>[0]): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#gate !== undefined) {
      this.heldPutCount.push(transaction.put?.length ?? 0);
      await this.#gate.opened;
    }
    await super.transact(transaction);
  }

  hold(): void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#gate = { opened: promise, open: resolve };
  }

  release(): void {
    this.#gate?.open();
    this.#gate = undefined;
  }

  failWith(error: CubeError | undefined): void {
    this.#failure = error;
  }
}
