import { describe, expect, it } from 'vitest';
import { meterRuntime, type RuntimeCall } from '../../../src/runtime/metered-runtime.ts';
import { createSimulatedRuntime } from '../../../src/runtime/simulated/simulated-runtime.ts';
import { SimulatedWorld } from '../../../src/runtime/simulated/simulated-world.ts';
import { SeededRandom } from '../../../src/simulation/seeded-random.ts';
import { VirtualClock } from '../../../src/simulation/virtual-clock.ts';
import { taskSpecSchema } from '../../../src/task/task-spec.ts';
import { taskId } from '../../support/cluster.ts';

function metered() {
  const clock = new VirtualClock();
  const random = new SeededRandom(1);
  const world = new SimulatedWorld({ clock, random });
  const calls: RuntimeCall[] = [];
  const runtime = meterRuntime(
    createSimulatedRuntime({ name: 'process', worker: 'w', clock, random, world }),
    { clock, onCall: (call) => calls.push(call) },
  );
  return { clock, runtime, calls };
}

describe('a metered runtime', () => {
  it('does as the runtime does, and tells of each call', async () => {
    const { clock, runtime, calls } = metered();
    const { signal } = new AbortController();
    const key = { taskId: taskId(1), attempt: 1 };
    const spec = taskSpecSchema.parse({ name: 'a', command: 'serve' });
    const started = runtime.start(
      { ...key, cluster: 'c', spec },
      { signal, onProgress: () => undefined },
    );
    await clock.advance(10_000);
    expect(await started).toMatchObject({ phase: 'running' });
    expect(runtime.name).toBe('process');
    expect(calls).toEqual([
      { runtime: 'process', call: 'start', outcome: 'done', seconds: expect.any(Number) },
    ]);
    await runtime.close();
  });

  it('tells what a call failed with, and what was not wanted any more', async () => {
    const { clock, runtime, calls } = metered();
    const key = { taskId: taskId(1), attempt: 1 };
    const abort = new AbortController();
    abort.abort();
    await expect(runtime.inspect(key, abort.signal)).rejects.toThrow();
    await runtime.close();
    const late = runtime.list(new AbortController().signal);
    late.catch(() => undefined);
    await clock.advance(1000);
    await expect(late).rejects.toMatchObject({ code: 'runtime-unavailable' });
    expect(calls.map(({ call, outcome }) => [call, outcome])).toEqual([
      ['inspect', 'aborted'],
      ['list', 'runtime-unavailable'],
    ]);
  });
});
