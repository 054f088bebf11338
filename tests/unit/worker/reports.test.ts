import { describe, expect, test } from 'vitest';
import { CubeError } from '../../../src/errors/cube-error.ts';
import type { WorkerService } from '../../../src/http/worker-service.ts';
import { VirtualClock } from '../../../src/simulation/virtual-clock.ts';
import { MemoryStore } from '../../../src/store/memory/memory-store.ts';
import { AttemptBook } from '../../../src/worker/attempt-book.ts';
import { newAttempt } from '../../../src/worker/orders.ts';
import { ReportIndex } from '../../../src/worker/report-index.ts';
import { CLUSTER, key, orders, StreamReader, spec, WorkerHarness } from './worker-harness.ts';

describe('the stream of reports', () => {
  test('begins with a heartbeat, and has one every interval', async () => {
    const harness = new WorkerHarness();
    const worker = await harness.boot({ heartbeatMs: 1000 });
    const reader = new StreamReader(worker);
    await harness.settle();
    expect(reader.items).toEqual([
      {
        type: 'heartbeat',
        stats: {
          used: { cpu: 0.5, memory: 1024, disk: 2048 },
          load: 0.25,
          taskCount: 0,
          time: '2030-01-01T00:00:00.000Z',
        },
        runtimes: [
          { name: 'process', available: true, version: 'simulated' },
          { name: 'docker', available: true, version: 'simulated' },
        ],
      },
    ]);
    await harness.advance(10_000);
    expect(reader.heartbeatCount).toBe(11);
  });

  test('hands out what waits, in order, then what comes', async () => {
    const harness = new WorkerHarness();
    const worker = await harness.boot();
    await worker.assign(orders({ run: [key(1), key(2), key(3)] }));
    await harness.settle();
    const reader = new StreamReader(worker);
    await harness.settle();
    harness.world.exit(harness.target(2), 0);
    await harness.settle();
    const sequences = reader.reports.map(({ sequence }) => sequence);
    expect(sequences).toEqual([...sequences].sort((a, b) => a - b));
    expect(reader.reports.map(({ observation }) => observation.phase)).toEqual([
      'running',
      'running',
      'running',
      'ended',
    ]);
  });

  test('leaves out what the reader has, and gives everything to one that knows too much', async () => {
    const harness = new WorkerHarness();
    const worker = await harness.boot();
    await worker.assign(orders({ run: [key(1), key(2)] }));
    await harness.settle();
    const { sequence } = worker.list();
    const upToDate = new StreamReader(worker, sequence);
    const ahead = new StreamReader(worker, sequence + 1000);
    await harness.settle();
    expect(upToDate.reports).toEqual([]);
    expect(ahead.reports).toHaveLength(2);
  });

  test('gives a slow reader only the latest of each attempt', async () => {
    const harness = new WorkerHarness();
    const worker = await harness.boot();
    await worker.assign(orders({ run: [key(1)] }));
    await harness.settle();
    const stream = worker.reports(0, new AbortController().signal)[Symbol.asyncIterator]();
    await stream.next();
    harness.world.exit(harness.target(1), 4);
    await harness.settle();
    await expect(stream.next()).resolves.toMatchObject({
      value: { type: 'report', observation: { phase: 'ended' } },
    });
    await stream.return?.(undefined);
  });

  test('does not speak of tasks that were given to the worker directly', async () => {
    const harness = new WorkerHarness();
    const worker = await harness.boot();
    const reader = new StreamReader(worker);
    await worker.submit({ spec: spec() });
    await harness.settle();
    expect(harness.running()).toHaveLength(1);
    expect(reader.reports).toEqual([]);
    expect(worker.list().observations).toEqual([]);
  });

  test('ends with its signal, and lets go of its timer', async () => {
    const harness = new WorkerHarness();
    const worker = await harness.boot();
    const timerCount = harness.clock.timerCount;
    const reader = new StreamReader(worker);
    await harness.settle();
    expect(harness.clock.timerCount).toBe(timerCount + 1);
    reader.close();
    await reader.done;
    expect(harness.clock.timerCount).toBe(timerCount);
  });

  test('ends when the worker stops, after the last report', async () => {
    const harness = new WorkerHarness();
    const worker = await harness.boot();
    await worker.assign(orders({ run: [key(1)] }));
    await harness.settle();
    const reader = new StreamReader(worker);
    await harness.settle();
    await worker.stop({ stopTasks: true });
    await reader.done;
    expect(reader.reports.at(-1)?.observation).toMatchObject({
      phase: 'ended',
      ended: { exitCode: 143, reason: { message: 'Stopped together with its worker.' } },
    });
  });
});

test('a worker fits what the HTTP routes need of one', async () => {
  const service: WorkerService = await new WorkerHarness().boot();
  expect(service.facts().name).toBe('node-1');
});

describe('the report index', () => {
  test('finds what comes after a sequence, and forgets what was replaced', () => {
    const index = new ReportIndex();
    const latest = new Map<string, number>();
    for (let sequence = 1; sequence <= 5000; sequence += 1) {
      const one = key((sequence % 3) + 1);
      latest.set(one.taskId, sequence);
      index.add({ sequence, key: one });
      index.compact(3, (entry) => latest.get(entry.key.taskId) === entry.sequence);
    }
    expect([...index.after(4998)].map(({ sequence }) => sequence)).toEqual([4999, 5000]);
    expect([...index.after(5000)]).toEqual([]);
    expect([...index.after(0)].length).toBeLessThan(1100);
  });
});

describe('the book of attempts', () => {
  const draftOf = (number: number) =>
    newAttempt({ key: key(number), cluster: CLUSTER, spec: spec(), now: timestampOf(number) });

  test('makes changes that wait together durable together, each seeing the ones before', async () => {
    const store = new CountingStore();
    const book = await AttemptBook.open(store);
    const seen: number[] = [];
    await Promise.all(
      [1, 2, 3].map((number) =>
        book.commit((draft) => {
          seen.push([1, 2, 3].filter((one) => draft.find(key(one)) !== undefined).length);
          draft.put(draftOf(number));
        }),
      ),
    );
    expect(seen).toEqual([0, 1, 2]);
    expect(store.transactionCount).toBe(1);
    expect([...book.all()].map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
  });

  test('keeps nothing of a change that throws, and all of the others in its group', async () => {
    const book = await AttemptBook.open(new MemoryStore());
    const outcomes = await Promise.allSettled([
      book.commit((draft) => draft.put(draftOf(1))),
      book.commit((draft) => {
        draft.put(draftOf(2));
        throw new Error('changed its mind');
      }),
      book.commit((draft) => draft.put(draftOf(3))),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect([...book.all()].map(({ taskId, sequence }) => [taskId, sequence])).toEqual([
      [key(1).taskId, 1],
      [key(3).taskId, 2],
    ]);
  });

  test('tells its listeners only what is durable, with what was before', async () => {
    const book = await AttemptBook.open(new MemoryStore());
    const told: unknown[] = [];
    book.subscribe((changes) => {
      for (const { before, after } of changes) told.push([before?.desired, after?.desired]);
    });
    await book.commit((draft) => draft.put(draftOf(1)));
    await book.commit((draft) => draft.put({ ...draftOf(1), desired: 'stopped' }));
    await book.commit((draft) => draft.remove(key(1)));
    expect(told).toEqual([
      [undefined, 'running'],
      ['running', 'stopped'],
      ['stopped', undefined],
    ]);
  });

  test('takes a change in the very moment in which the one before is done', async () => {
    const book = await AttemptBook.open(new MemoryStore());
    for (let count = 0; count < 50; count += 1) {
      await book.commit(() => undefined);
      await book.commit((draft) => draft.put(draftOf(1)));
    }
    expect(book.sequence).toBe(50);
  });

  test('refuses a record that is not what was written, and names it', async () => {
    const store = new MemoryStore();
    const name = `${key(1).taskId}/1`;
    await store.transact({ put: [{ collection: 'attempts', key: name, value: { taskId: 'x' } }] });
    await expect(AttemptBook.open(store)).rejects.toMatchObject({
      code: 'storage-damaged',
      message: expect.stringContaining(`attempts/${name}`),
    });
  });

  test('says once that the store has failed for good', async () => {
    const store = new CountingStore();
    const failures: string[] = [];
    const book = await AttemptBook.open(store, (error) => failures.push(error.code));
    store.failure = new CubeError('storage-failed', 'The disk failed.');
    for (const number of [1, 2]) {
      const refused = book.commit((draft) => draft.put(draftOf(number)));
      await expect(refused).rejects.toMatchObject({ code: 'storage-failed' });
    }
    expect(failures).toEqual(['storage-failed']);
    expect([...book.all()]).toEqual([]);
  });

  class CountingStore extends MemoryStore {
    transactionCount = 0;
    failure: Error | undefined;

    override async transact(transaction: Parameters<MemoryStore['transact']>[0]): Promise<void> {
      this.transactionCount += 1;
      if (this.failure !== undefined) throw this.failure;
      await super.transact(transaction);
    }
  }

  function timestampOf(number: number): string {
    return new Date(new VirtualClock().now() + number).toISOString();
  }
});
