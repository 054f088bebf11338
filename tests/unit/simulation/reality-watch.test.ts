import { describe, expect, it } from 'vitest';
import type { CubeEvent } from '../../../src/event/event.ts';
import type { SimulatedRecord } from '../../../src/runtime/simulated/simulated-world.ts';
import { RealityWatch } from '../../../src/simulation/invariants/reality-watch.ts';

const record = (change: Partial<SimulatedRecord>): SimulatedRecord => ({
  atMs: 0,
  type: 'started',
  cause: 'runtime',
  runtime: 'process',
  worker: 'w1',
  cluster: 'c',
  runtimeId: '1001',
  taskId: 't',
  attempt: 1,
  ...change,
});

const started: CubeEvent = {
  revision: 1,
  id: '00000000-0000-4000-8000-000000000001',
  time: '2030-01-01T00:00:00.000Z',
  type: 'task-started',
  taskId: 't',
  attempt: 1,
  cause: 'report of n1',
  correlationId: 't/1',
  actor: 'worker n1',
};

/** Starts the attempts of one task, each a while after the one before, which has ended. */
function startAgainAndAgain(everyMs: number): readonly string[] {
  const watch = new RealityWatch({ findTask: () => undefined, mayForget: false });
  for (let attempt = 1; attempt <= 40; attempt += 1) {
    const change = { attempt, runtimeId: `${attempt}`, atMs: attempt * everyMs };
    watch.onWorld(record(change));
    watch.onWorld(record({ ...change, type: 'ended', cause: 'itself', exitCode: 1 }));
  }
  return watch.violations;
}

describe('what is held against the log', () => {
  it('is a storm where a task starts far more often than its wait allows', () => {
    expect(startAgainAndAgain(500)[0]).toMatch(/^\[no-storm\] t\/16: 16 starts within 7500 ms/);
    expect(startAgainAndAgain(1000)).toEqual([]);
  });

  it('is a new instance of an attempt that was told to run, unless its worker may forget', () => {
    const found = (mayForget: boolean, isTold = true): readonly string[] => {
      const watch = new RealityWatch({ findTask: () => undefined, mayForget });
      watch.onWorld(record({}));
      if (isTold) watch.onEvent(started);
      watch.onWorld(record({ type: 'removed', cause: 'outside' }));
      watch.onWorld(record({ runtimeId: '1002' }));
      return watch.violations;
    };
    expect(found(false)).toEqual(['[adopt] t/1 is started as 1002, and was w1 1001']);
    expect(found(true)).toEqual([]);
    expect(found(false, false)).toEqual([]);
  });
});
