import { describe, expect, test } from 'vitest';
import { CubeError } from '../../../src/errors/cube-error.ts';
import type { Logger } from '../../../src/lib/logger.ts';
import type { Announcement, JoinReply, LogLine } from '../../../src/link/protocol.ts';
import { drain } from '../../../src/simulation/virtual-clock.ts';
import { Slots } from '../../../src/worker/slots.ts';
import type { ManagerLink } from '../../../src/worker/worker.ts';
import { CLUSTER, key, orders, StreamReader, spec, WorkerHarness } from './worker-harness.ts';

describe('a worker', () => {
  test('refuses everything before it serves and after it stopped', async () => {
    const harness = new WorkerHarness();
    const worker = harness.create();
    expect(() => worker.list()).toThrowError(/has not been started/);
    const { signal } = new AbortController();
    expect(() => worker.reports(0, signal)).toThrowError(/has not been started/);
    await expect(worker.assign(orders({}))).rejects.toMatchObject({ code: 'unavailable' });
    const started = worker.start();
    await expect(worker.submit({ spec: spec() })).rejects.toMatchObject({ code: 'unavailable' });
    await started;
    await worker.stop();
    await worker.stop();
    await expect(worker.assign(orders({}))).rejects.toMatchObject({ code: 'unavailable' });
    expect(harness.clock.timerCount).toBe(0);
  });

  test('may be stopped while it starts', async () => {
    const harness = new WorkerHarness();
    const worker = harness.create();
    const started = worker.start();
    await worker.stop();
    await started;
    await harness.advance(60_000);
    expect(harness.clock.timerCount).toBe(0);
    expect(() => worker.list()).toThrowError(/has stopped/);
  });

  test('leaves tasks running when it stops, also one that it was starting', async () => {
    const harness = new WorkerHarness({ policy: () => ({ startMs: 1000 }) });
    const worker = await harness.boot();
    await worker.assign(orders({ run: [key(1)] }));
    await harness.advance(1000);
    await worker.assign(orders({ run: [key(2)] }));
    await harness.advance(500);
    await worker.stop();
    expect(harness.running()).toEqual(['1/1']);
    const next = await harness.boot();
    await harness.advance(2000);
    expect(harness.running()).toEqual(['1/1', '2/1']);
    expect(next.stats().taskCount).toBe(2);
  });

  test('stops its tasks first where that is wanted, and takes no orders meanwhile', async () => {
    const harness = new WorkerHarness({ policy: () => ({ stopMs: 3000 }) });
    const worker = await harness.boot();
    await worker.assign(orders({ run: [key(1)] }));
    await worker.submit({ spec: spec() });
    await harness.settle();
    const reader = new StreamReader(worker);
    const stopped = worker.stop({ stopTasks: true });
    await harness.settle();
    await expect(worker.assign(orders({ run: [key(2)] }))).rejects.toMatchObject({
      code: 'unavailable',
    });
    expect(worker.list().observations).toMatchObject([{ phase: 'running' }]);
    await harness.advance(3000);
    await stopped;
    await reader.done;
    expect(harness.running()).toEqual([]);
    const next = await harness.boot();
    await harness.advance(60_000);
    expect(harness.running()).toEqual([]);
    expect(next.listTasks()).toHaveLength(2);
  });

  test('does not wait for ever for tasks that cannot be stopped', async () => {
    const harness = new WorkerHarness();
    const worker = await harness.boot();
    await worker.assign(orders({ run: [{ ...key(1), spec: spec({ stopTimeout: '5s' }) }] }));
    await harness.settle();
    harness.world.setOutage('aaaaaaaa-0000-4000-8000-000000000001', 'away');
    let isStopped = false;
    const stopped = worker.stop({ stopTasks: true }).then(() => {
      isStopped = true;
    });
    await harness.advance(14_000);
    expect(isStopped).toBe(false);
    await harness.advance(1000);
    await stopped;
  });

  test('keeps in the identity file whom it obeys, as it learns of it', async () => {
    const harness = new WorkerHarness();
    const saved: unknown[] = [];
    const saveReign = async (reign: object) => void saved.push(reign);
    const worker = await harness.boot({ saveReign });
    await worker.assign(orders({}));
    await worker.assign(orders({}));
    await worker.assign(orders({ epoch: 2 }));
    const reigns = [1, 2].map((epoch) => ({ cluster: CLUSTER, epoch }));
    expect(saved).toEqual(reigns);
    await worker.stop();
    // The file may have been lost meanwhile.
    await harness.boot({ saveReign });
    expect(saved).toEqual([...reigns, reigns[1]]);
  });
});

test('the log tells the life of an attempt, and no secret', async () => {
  const lines: { readonly fields: object; readonly message: string }[] = [];
  const take = (fields: object, message: string) => void lines.push({ fields, message });
  const logger: Logger = { debug: take, info: take, warn: take, error: take, child: () => logger };
  const harness = new WorkerHarness({ logger, policy: () => ({ exit: { afterMs: 5, code: 3 } }) });
  const worker = await harness.boot();
  const secret = spec({ env: { TOKEN: { secret: 'hush-hush' } } });
  await worker.assign(orders({ run: [{ ...key(1), spec: secret }] }));
  await harness.advance(10);
  await worker.assign(orders({ forget: [key(1)] }));
  await harness.settle();
  const own = lines.filter(({ fields }) => 'taskId' in fields).map(({ message }) => message);
  expect(own).toEqual([
    'An attempt is to run.',
    'An attempt runs.',
    'An attempt ended: It ended with exit code 3.',
  ]);
  expect(JSON.stringify(lines)).not.toContain('hush-hush');
});

describe('the output of an attempt', () => {
  const policy = () => ({
    startMs: 1000,
    output: [
      { afterMs: 100, stream: 'stdout', text: 'one' },
      { afterMs: 200, stream: 'stderr', text: 'two' },
    ] as const,
    exit: { afterMs: 300, code: 1 },
  });

  async function collect(lines: AsyncIterable<LogLine>): Promise<readonly string[]> {
    const texts: string[] = [];
    for await (const { text } of lines) texts.push(text);
    return texts;
  }

  test('is followed from before the start to the end, and is there after it', async () => {
    const harness = new WorkerHarness({ policy });
    const worker = await harness.boot();
    await worker.assign(orders({ run: [key(1)] }));
    const { signal } = new AbortController();
    const followed = collect(worker.logs(key(1), { follow: true }, signal));
    expect(await collect(worker.logs(key(1), { follow: false }, signal))).toEqual([]);
    await harness.advance(5000);
    expect(await followed).toEqual(['one', 'two']);
    expect(await collect(worker.logs(key(1), { follow: false, tail: 1 }, signal))).toEqual(['two']);
    expect(worker.list().observations[0]?.ended?.output).toBe('one\ntwo');
  });

  test('is not found for an attempt that is not here', async () => {
    const worker = await new WorkerHarness().boot();
    const { signal } = new AbortController();
    expect(() => worker.logs(key(1), { follow: false }, signal)).toThrowError(
      expect.objectContaining({ code: 'not-found' }),
    );
  });

  test('is cut to the last lines and eight KiB in the report of a failure', async () => {
    const long = 'é'.repeat(3000);
    const output = Array.from({ length: 40 }, (_, index) => ({
      afterMs: 1,
      stream: 'stdout' as const,
      text: `${index} ${index > 35 ? long : ''}`,
    }));
    const harness = new WorkerHarness({
      policy: () => ({ output, exit: { afterMs: 5, code: 1 } }),
    });
    const worker = await harness.boot();
    await worker.assign(orders({ run: [key(1)] }));
    await harness.advance(10);
    const kept = worker.list().observations[0]?.ended?.output ?? '';
    const bytes = Buffer.byteLength(kept);
    expect(bytes).toBeLessThanOrEqual(8192);
    expect(bytes).toBeGreaterThan(8000);
    expect(kept.endsWith(`39 ${long}`)).toBe(true);
    expect(kept).not.toContain('\uFFFD');
  });
});

describe('joining', () => {
  class ScriptedLink implements ManagerLink {
    readonly announcements: { readonly at: number; readonly announcement: Announcement }[] = [];
    failure: CubeError | undefined;
    reply: JoinReply = { cluster: CLUSTER, epoch: 4, heartbeatMs: 500 };
    readonly #harness: WorkerHarness;

    constructor(harness: WorkerHarness) {
      this.#harness = harness;
    }

    async announce(announcement: Announcement): Promise<JoinReply> {
      this.announcements.push({ at: this.#harness.clock.monotonic(), announcement });
      if (this.failure !== undefined) throw this.failure;
      return this.reply;
    }
  }

  async function joining(prepare: (link: ScriptedLink) => void = () => undefined) {
    const harness = new WorkerHarness();
    const link = new ScriptedLink(harness);
    prepare(link);
    const worker = await harness.boot({ managerLink: link, heartbeatMs: 1000 });
    return { harness, link, worker };
  }

  test('tells the manager of the worker, and takes its cluster, epoch and heartbeat', async () => {
    const { harness, link, worker } = await joining();
    expect(link.announcements).toHaveLength(1);
    expect(link.announcements[0]?.announcement).toEqual({ protocol: 1, facts: worker.facts() });
    expect(worker.list().cluster).toBe(CLUSTER);
    await expect(worker.assign(orders({ epoch: 3 }))).rejects.toMatchObject({
      code: 'stale-epoch',
    });
    const reader = new StreamReader(worker);
    await harness.advance(2000);
    expect(reader.heartbeatCount).toBe(5);
  });

  test('is repeated until the manager has opened a stream, and then no more', async () => {
    const { harness, link, worker } = await joining();
    await harness.advance(20_000);
    const count = link.announcements.length;
    expect(count).toBeGreaterThan(2);
    expect(count).toBeLessThan(12);
    expect(link.announcements.at(-1)?.announcement.cluster).toBe(CLUSTER);
    const reader = new StreamReader(worker);
    await harness.advance(60_000);
    expect(link.announcements).toHaveLength(count);
    reader.close();
    await reader.done;
    await harness.advance(1400);
    expect(link.announcements).toHaveLength(count);
    await harness.advance(200);
    expect(link.announcements).toHaveLength(count + 1);
  });

  test('is repeated with growing pauses while it fails', async () => {
    const { harness, link } = await joining((one) => {
      one.failure = new CubeError('unreachable', 'Nobody answers.');
    });
    await harness.advance(120_000);
    const times = link.announcements.map(({ at }) => at);
    expect(times.length).toBeGreaterThan(8);
    expect(times.length).toBeLessThan(25);
    const pauses = times.slice(1).map((at, index) => at - (times[index] ?? 0));
    expect(Math.max(...pauses)).toBeLessThanOrEqual(15_000);
    expect(pauses[0]).toBeLessThan(1100);
    link.failure = undefined;
    await harness.advance(15_000);
    expect(link.announcements.length).toBeGreaterThan(times.length);
  });

  test('is done again when the facts have changed', async () => {
    const { harness, link, worker } = await joining();
    const reader = new StreamReader(worker);
    await harness.advance(10_000);
    const count = link.announcements.length;
    harness.world.setOutage('aaaaaaaa-0000-4000-8000-000000000001', 'the engine is away');
    await harness.advance(3000);
    expect(link.announcements.length).toBeGreaterThan(count);
    const latest = link.announcements.at(-1)?.announcement.facts.runtimes;
    expect(latest?.every(({ available }) => !available)).toBe(true);
    const told = link.announcements.length;
    await harness.advance(30_000);
    expect(link.announcements).toHaveLength(told);
    expect(reader.heartbeatCount).toBeGreaterThan(0);
  });

  test('to another cluster is refused by the worker, which keeps its own', async () => {
    const { harness, link, worker } = await joining();
    link.reply = { ...link.reply, cluster: key(9).taskId };
    await harness.advance(20_000);
    expect(worker.list().cluster).toBe(CLUSTER);
  });
});

describe('places', () => {
  test('are given in the order of asking, and one given up is passed on', async () => {
    const slots = new Slots(1);
    const { signal } = new AbortController();
    const order: string[] = [];
    const first = await slots.take(signal);
    const given = new AbortController();
    const second = slots.take(given.signal).then(
      () => order.push('second'),
      () => order.push('second gave up'),
    );
    const third = slots.take(signal).then((giveBack) => {
      order.push('third');
      return giveBack;
    });
    given.abort(new Error('not wanted'));
    await second;
    first();
    first();
    const giveBack = await third;
    expect(order).toEqual(['second gave up', 'third']);
    let isFourthIn = false;
    const fourth = slots.take(signal).then(() => {
      isFourthIn = true;
    });
    await drain();
    expect(isFourthIn).toBe(false);
    giveBack();
    await fourth;
  });

  test('are not taken with a signal that is aborted', async () => {
    const slots = new Slots(1);
    await expect(slots.take(AbortSignal.abort(new Error('no')))).rejects.toThrow('no');
    await slots.take(new AbortController().signal);
  });
});
