import { describe, expect, test } from 'vitest';
import { isCubeError } from '../../../src/errors/cube-error.ts';
import type { InstanceSpec, Runtime, RuntimeEvent } from '../../../src/runtime/runtime.ts';
import type { SimulatedPolicy } from '../../../src/runtime/simulated/simulated-behaviour.ts';
import { createSimulatedRuntime } from '../../../src/runtime/simulated/simulated-runtime.ts';
import { SimulatedWorld } from '../../../src/runtime/simulated/simulated-world.ts';
import { SeededRandom } from '../../../src/simulation/seeded-random.ts';
import { VirtualClock } from '../../../src/simulation/virtual-clock.ts';
import { type TaskSpecInput, taskSpecSchema } from '../../../src/task/task-spec.ts';

const { signal } = new AbortController();
const startOptions = { signal, onProgress: () => undefined };
const WORKER = 'worker-1';

function open(policy?: SimulatedPolicy) {
  const clock = new VirtualClock();
  const random = new SeededRandom(7);
  const world = new SimulatedWorld({ clock, random, ...(policy === undefined ? {} : { policy }) });
  const create = (worker = WORKER): Runtime =>
    createSimulatedRuntime({ name: 'process', worker, clock, random, world });
  return { clock, world, create, runtime: create() };
}

function instanceOf(input: Partial<TaskSpecInput>, taskId = 'task-1'): InstanceSpec {
  const spec = taskSpecSchema.parse({ name: 'task', command: 'serve', ...input });
  return { taskId, attempt: 1, cluster: 'cluster-1', spec };
}

const target = { worker: WORKER, taskId: 'task-1', attempt: 1 };

describe('without a policy', () => {
  test('sleep ends with 0 after its time, in virtual time alone', async () => {
    const { clock, runtime, world } = open();
    const instance = instanceOf({ command: 'sleep', args: ['600'] });
    await runtime.start(instance, startOptions);
    await clock.advance(599_999);
    expect(await runtime.inspect(instance, signal)).toMatchObject({ phase: 'running' });
    await clock.advance(1);
    expect(await runtime.inspect(instance, signal)).toMatchObject({ phase: 'ended', exitCode: 0 });
    expect(world.history.map(({ type, atMs, cause }) => [type, atMs, cause])).toEqual([
      ['created', 0, 'runtime'],
      ['started', 0, 'runtime'],
      ['ended', 600_000, 'itself'],
    ]);
  });

  test('false ends with 1, and anything else runs for ever without a timer', async () => {
    const { clock, runtime } = open();
    await runtime.start(instanceOf({ command: 'false' }), startOptions);
    await runtime.start(instanceOf({}, 'task-2'), startOptions);
    await clock.advance(1);
    expect(clock.timerCount).toBe(0);
    expect((await runtime.list(signal)).map(({ phase }) => phase)).toEqual(['ended', 'running']);
  });
});

describe('a policy', () => {
  test('can let a start take its time, tell of it, and fail, leaving nothing', async () => {
    const { clock, runtime } = open(() => ({
      startMs: 5000,
      progress: 'pulling, 43 %',
      startFailure: { code: 'image-missing', message: 'No such image.' },
    }));
    const progress: string[] = [];
    const instance = instanceOf({});
    const started = runtime
      .start(instance, { signal, onProgress: (words) => progress.push(words) })
      .catch((error: unknown) => error);
    await clock.advance(4999);
    expect(progress).toEqual(['pulling, 43 %']);
    expect(await runtime.inspect(instance, signal)).toMatchObject({ phase: 'created' });
    await clock.advance(1);
    expect(isCubeError(await started, 'image-missing')).toBe(true);
    expect(await runtime.list(signal)).toEqual([]);
  });

  test('can lose the reply to a start that succeeded', async () => {
    const { runtime, world } = open(() => ({ startReplyLost: true }));
    const instance = instanceOf({});
    const error: unknown = await runtime.start(instance, startOptions).catch((one: unknown) => one);
    expect(isCubeError(error, 'runtime-unavailable')).toBe(true);
    expect(await runtime.start(instance, startOptions)).toMatchObject({ phase: 'running' });
    expect(world.history.filter((record) => record.type === 'started')).toHaveLength(1);
  });

  test('can let an instance ignore the stop signal until it is killed', async () => {
    const { clock, runtime } = open(() => ({ ignoresStop: true }));
    const instance = instanceOf({});
    await runtime.start(instance, startOptions);
    const stopped = runtime.stop(instance, { stopSignal: 'SIGTERM', timeoutMs: 10_000, signal });
    await clock.advance(9999);
    expect(await runtime.inspect(instance, signal)).toMatchObject({ phase: 'running' });
    await clock.advance(1);
    expect(await stopped).toMatchObject({
      exitCode: 137,
      reason: { code: 'killed-after-timeout', details: { timeoutMs: 10_000 } },
    });
    expect(clock.timerCount).toBe(0);
  });

  test('is asked once for each instance that is made', async () => {
    let askedCount = 0;
    const { runtime } = open(() => {
      askedCount += 1;
      return {};
    });
    const instance = instanceOf({});
    await runtime.start(instance, startOptions);
    await runtime.start(instance, startOptions);
    expect(askedCount).toBe(1);
  });
});

describe('a crash of the worker', () => {
  test('leaves what runs to the next runtime, and silences the old one', async () => {
    const { world, create, runtime, clock } = open();
    const instance = instanceOf({ command: 'sleep', args: ['10'] });
    const started = await runtime.start(instance, startOptions);
    world.disconnect(WORKER);
    await expect(runtime.inspect(instance, signal)).rejects.toThrow('closed');
    await clock.advance(10_000);
    const after = await create().inspect(instance, signal);
    expect(after).toMatchObject({ runtimeId: started.runtimeId, phase: 'ended', exitCode: 0 });
  });

  test('in the middle of a start leaves an instance that the next start finishes', async () => {
    const { world, create, runtime, clock } = open(() => ({ startMs: 100 }));
    const instance = instanceOf({});
    const started = runtime.start(instance, startOptions).catch((error: unknown) => error);
    world.disconnect(WORKER);
    expect(isCubeError(await started, 'runtime-unavailable')).toBe(true);
    const next = create();
    expect(await next.inspect(instance, signal)).toMatchObject({ phase: 'created' });
    const again = next.start(instance, startOptions);
    await clock.advance(100);
    expect(await again).toMatchObject({ phase: 'running' });
    expect(world.history.filter((record) => record.type === 'created')).toHaveLength(1);
  });
});

describe('meddling from outside', () => {
  test('kills, removes and makes exit codes unknown, and events tell', async () => {
    const { world, runtime } = open();
    const events: RuntimeEvent[] = [];
    void (async () => {
      for await (const event of runtime.events(signal)) events.push(event);
    })();
    const instance = instanceOf({});
    await runtime.start(instance, startOptions);
    world.kill(target);
    expect(await runtime.inspect(instance, signal)).toMatchObject({ exitCode: 137 });
    world.removeBehindBack(target);
    expect(await runtime.inspect(instance, signal)).toBeUndefined();
    await runtime.start(instance, startOptions);
    world.exit(target, 'unknown');
    expect(await runtime.inspect(instance, signal)).toMatchObject({ exitCode: 'unknown' });
    expect(events.length).toBeGreaterThan(0);
    expect(world.history.filter(({ cause }) => cause === 'outside')).toHaveLength(3);
  });

  test('ends a stop and a follower of logs when the instance is removed', async () => {
    const { world, runtime } = open(() => ({ ignoresStop: true }));
    const instance = instanceOf({});
    await runtime.start(instance, startOptions);
    const stopped = runtime.stop(instance, { stopSignal: 'SIGTERM', timeoutMs: 60_000, signal });
    const lines = Array.fromAsync(runtime.logs(instance, { follow: true, signal }));
    await Promise.resolve();
    world.removeBehindBack(target);
    expect(await stopped).toBeUndefined();
    expect(await lines).toEqual([]);
  });

  test('can lose events, until they are resynchronised', async () => {
    const { world, runtime } = open();
    const abort = new AbortController();
    const events = runtime.events(abort.signal)[Symbol.asyncIterator]();
    world.loseEvents(WORKER, true);
    await runtime.start(instanceOf({}), startOptions);
    world.loseEvents(WORKER, false);
    world.resync(WORKER);
    expect((await events.next()).value).toEqual({ type: 'resync' });
    abort.abort(new Error('Enough.'));
    await expect(events.next()).rejects.toThrow('Enough.');
  });

  test('can make the runtime unavailable, while instances run on', async () => {
    const { world, runtime, clock } = open();
    const instance = instanceOf({ command: 'sleep', args: ['1'] });
    await runtime.start(instance, startOptions);
    world.setOutage(WORKER, 'The engine does not answer.');
    expect(await runtime.probe(signal)).toMatchObject({
      available: false,
      reason: 'The engine does not answer.',
    });
    await expect(runtime.list(signal)).rejects.toThrow('The engine does not answer.');
    await clock.advance(1000);
    world.setOutage(WORKER);
    expect(await runtime.inspect(instance, signal)).toMatchObject({ exitCode: 0 });
  });

  test('can restart the machine, after which nobody knows how it ended', async () => {
    const { world, create, runtime } = open();
    const instance = instanceOf({});
    await runtime.start(instance, startOptions);
    world.reboot(WORKER);
    expect(await create().inspect(instance, signal)).toMatchObject({
      exitCode: 'unknown',
      reason: { code: 'lost-on-reboot' },
    });
  });

  test('can take a port, which a start then names', async () => {
    const { world, runtime } = open();
    world.occupyPort(WORKER, { protocol: 'tcp', host: 80 }, 'nginx');
    const instance = instanceOf({ ports: [{ container: 81 }, { container: 80 }] });
    const error: unknown = await runtime.start(instance, startOptions).catch((one: unknown) => one);
    expect(isCubeError(error, 'port-taken')).toBe(true);
    expect(String(error)).toContain('nginx');
    world.occupyPort(WORKER, { protocol: 'tcp', host: 80 });
    expect(await runtime.start(instance, startOptions)).toMatchObject({ phase: 'running' });
  });
});

test('one operation costs the same however many instances there are', async () => {
  const { runtime, world } = open();
  const count = 50_000;
  const one = instanceOf({});
  const instances = Array.from({ length: count }, (_, index) => ({
    ...one,
    taskId: `task-${index}`,
  }));
  for (const instance of instances) await runtime.start(instance, startOptions);
  for (const instance of instances) {
    await runtime.stop(instance, { stopSignal: 'SIGTERM', timeoutMs: 1000, signal });
  }
  expect(world.history.filter((record) => record.type === 'ended')).toHaveLength(count);
});
