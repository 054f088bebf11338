import { describe, expect, it, vi } from 'vitest';
import { noopLogger } from '../../../src/lib/logger.ts';
import { EventFeed } from '../../../src/runtime/event-feed.ts';
import { createSimulatedRuntime } from '../../../src/runtime/simulated/simulated-runtime.ts';
import { VirtualClock } from '../../../src/simulation/virtual-clock.ts';
import { StartProgress } from '../../../src/worker/start-progress.ts';
import { key, orders, StreamReader, WORKER, WorkerHarness } from './worker-harness.ts';

function watched(fail?: Error): {
  readonly clock: VirtualClock;
  readonly progress: StartProgress;
  readonly told: string[];
  readonly warned: object[];
} {
  const clock = new VirtualClock();
  const told: string[] = [];
  const warned: object[] = [];
  const logger = { ...noopLogger, warn: (fields: object) => warned.push(fields) };
  const tell = async (text: string): Promise<void> => {
    told.push(text);
    if (fail !== undefined) throw fail;
  };
  return { clock, told, warned, progress: new StartProgress(key(1), tell, { clock, logger }) };
}

describe('the progress of a start', () => {
  it('is told of one that takes longer than half a second, the latest of it twice a second', async () => {
    const { clock, progress, told } = watched();
    progress.note('a');
    await clock.advance(400);
    progress.note('b');
    expect(told).toEqual([]);
    await clock.advance(100);
    expect(told).toEqual(['b']);
    await clock.advance(5000);
    progress.note('c');
    progress.note('d');
    await clock.advance(499);
    expect(told).toEqual(['b']);
    await clock.advance(1);
    expect(told).toEqual(['b', 'd']);
  });

  it('is not told once it is over, whatever comes late', async () => {
    const { clock, progress, told } = watched();
    progress.note('a');
    await clock.advance(499);
    progress.end();
    progress.note('b');
    await clock.advance(5000);
    expect(told).toEqual([]);
  });

  it('holds up nothing where it cannot be recorded', async () => {
    const fail = new Error('The disk is full.');
    const { clock, progress, told, warned } = watched(fail);
    progress.note('a');
    await clock.advance(500);
    progress.note('b');
    await clock.advance(500);
    expect(told).toEqual(['a', 'b']);
    expect(warned).toMatchObject([{ err: fail }, { err: fail }]);
  });

  it.each([
    [300, 0],
    [700, 1],
  ])('is reported of a start of %d ms %d times', async (startMs, count) => {
    const harness = new WorkerHarness({ policy: () => ({ startMs, progress: 'pulling server' }) });
    const worker = await harness.boot();
    const reader = new StreamReader(worker);
    await worker.assign(orders({ run: [key(1)] }));
    await harness.advance(2000);
    expect(harness.running()).toEqual(['1/1']);
    const told = reader.reports.filter(({ observation }) => observation.progress !== undefined);
    expect(told).toHaveLength(count);
  });
});

describe('the start of an instance', () => {
  it('is no reason to look at it for the worker that starts it, and is one at any other time', async () => {
    const harness = new WorkerHarness({ policy: () => ({ startMs: 100 }) });
    const { clock, random, world } = harness;
    const simulated = { name: 'process', worker: WORKER, clock, random, world } as const;
    const feed = new EventFeed();
    const runtime = createSimulatedRuntime(simulated);
    vi.spyOn(runtime, 'events').mockImplementation((signal) => feed.subscribe(signal));
    const looks = vi.spyOn(runtime, 'inspect');
    const worker = await harness.boot({ runtimes: [runtime] });
    await worker.assign(orders({ run: [key(1)] }));
    await harness.advance(50);
    feed.publish({ type: 'changed', key: key(1), isStart: true });
    await harness.advance(1000);
    expect(harness.running()).toEqual(['1/1']);
    expect(looks).not.toHaveBeenCalled();
    feed.publish({ type: 'changed', key: key(1), isStart: true });
    await harness.settle();
    expect(looks).toHaveBeenCalledTimes(1);
  });

  it('is one where something else has happened too', async () => {
    const feed = new EventFeed();
    const abort = new AbortController();
    const events = feed.subscribe(abort.signal);
    feed.publish({ type: 'changed', key: key(1) });
    feed.publish({ type: 'changed', key: key(1), isStart: true });
    expect((await events.next()).value).toEqual({ type: 'changed', key: key(1) });
    feed.publish({ type: 'changed', key: key(1), isStart: true });
    feed.publish({ type: 'changed', key: key(1) });
    expect((await events.next()).value).toEqual({ type: 'changed', key: key(1) });
    abort.abort();
  });

  it('does not hide that it ended meanwhile', async () => {
    const harness = new WorkerHarness({
      policy: () => ({ startMs: 100, exit: { afterMs: 0, code: 3 } }),
    });
    const worker = await harness.boot();
    await worker.assign(orders({ run: [key(1)] }));
    await harness.advance(1000);
    expect(worker.list().observations).toMatchObject([{ phase: 'ended', ended: { exitCode: 3 } }]);
  });
});
