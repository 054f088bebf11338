import { expect, test } from 'vitest';
import { CubeError } from '../../../src/errors/cube-error.ts';
import { VirtualClock } from '../../../src/simulation/virtual-clock.ts';
import { UsageGauge } from '../../../src/worker/usage-gauge.ts';

const signal: AbortSignal = new AbortController().signal;
const usage = { taskId: '00000000-0000-4000-8000-000000000001', attempt: 1, cpu: 0.5, memory: 7 };

test('many who look at once cost one look, and a later one is a new one', async () => {
  const clock = new VirtualClock();
  let lookCount = 0;
  const runtime = {
    usage: async () => {
      lookCount += 1;
      return [usage];
    },
  };
  const gauge = new UsageGauge({ runtimes: [runtime], clock });
  const looks = [gauge.measure(signal), gauge.measure(signal)];
  expect(await Promise.all(looks)).toEqual([[usage], [usage]]);
  expect(lookCount).toBe(1);
  await clock.advance(1000);
  await gauge.measure(signal);
  expect(lookCount).toBe(2);
});

test('a runtime that is away is left out; any other failure is told, and not kept', async () => {
  const clock = new VirtualClock();
  const away = {
    usage: async () => {
      throw new CubeError('runtime-unavailable', 'Away.');
    },
  };
  let isBroken = true;
  const broken = {
    usage: async () => {
      if (isBroken) throw new Error('broken');
      return [usage];
    },
  };
  const gauge = new UsageGauge({ runtimes: [away, broken], clock });
  await expect(gauge.measure(signal)).rejects.toThrow('broken');
  isBroken = false;
  expect(await gauge.measure(signal)).toEqual([usage]);
});
