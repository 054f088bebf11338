import { describe, expect, test } from 'vitest';
import {
  CLUSTER,
  key,
  orders,
  StreamReader,
  spec,
  taskId,
  WorkerHarness,
} from './worker-harness.ts';

describe('orders', () => {
  test('runs what is ordered and reports it', async () => {
    const harness = new WorkerHarness();
    const worker = await harness.boot();
    const reader = new StreamReader(worker);
    await worker.assign(orders({ run: [key(1)] }));
    await harness.settle();
    expect(harness.running()).toEqual(['1/1']);
    const phases = reader.reports.map((item) => item.observation.phase);
    expect(phases.at(-1)).toBe('running');
    expect(worker.list().observations).toMatchObject([
      { ...key(1), phase: 'running', runtimeId: '1001', startedAt: '2030-01-01T00:00:00.000Z' },
    ]);
    expect(worker.stats().taskCount).toBe(1);
    await worker.stop();
    await reader.done;
    expect(harness.running()).toEqual(['1/1']);
  });

  test('is found again with the same instance after a crash', async () => {
    const harness = new WorkerHarness();
    const first = await harness.boot();
    await first.assign(orders({ run: [key(1), key(2), key(3)] }));
    await harness.settle();
    const before = first.list().observations;
    harness.crash();
    harness.world.exit(harness.target(2), 7);
    harness.world.removeBehindBack(harness.target(3));
    const second = await harness.boot();
    const [one, two, three] = second.list().observations;
    expect(one).toEqual(before[0]);
    expect(two).toMatchObject({
      phase: 'ended',
      ended: { exitCode: 7, reason: { code: 'exited' } },
    });
    expect(three).toMatchObject({
      phase: 'ended',
      ended: { exitCode: 'unknown', reason: { code: 'removed-externally' } },
    });
    expect(second.list().cluster).toBe(CLUSTER);
  });
});
