import { describe, expect, test } from 'vitest';
import {
  beginHealth,
  type HealthFinding,
  type HealthMemory,
  judgeHealth,
  nextCheckMs,
  toHealthLimits,
} from '../../../src/worker/health/health-judgement.ts';
import { spec } from './worker-harness.ts';

const limits = { intervalMs: 10_000, startPeriodMs: 0, retries: 3 };

function judgeAll(
  start: HealthMemory,
  findings: readonly (readonly [number, HealthFinding])[],
  rules = limits,
): HealthMemory {
  return findings.reduce(
    (memory, [now, finding]) => judgeHealth(memory, finding, { limits: rules, now }),
    start,
  );
}

describe('the judgement of health', () => {
  test('is healthy after the first success', () => {
    const memory = judgeAll(beginHealth('starting', 0), [
      [0, 'failing'],
      [1000, 'failing'],
      [2000, 'healthy'],
    ]);
    expect(memory.health).toBe('healthy');
  });

  test('counts failures of a starting task once an interval, however often it is asked', () => {
    const often = Array.from({ length: 30 }, (_, index) => [index * 1000, 'failing'] as const);
    expect(judgeAll(beginHealth('starting', 0), often).health).toBe('starting');
    const memory = judgeAll(beginHealth('starting', 0), [...often, [30_000, 'failing']]);
    expect(memory).toMatchObject({ health: 'unhealthy', failureCount: 3 });
  });

  test('needs as many failures in a row as the check says', () => {
    const healthy = beginHealth('healthy', 0);
    const two = [
      [10_000, 'failing'],
      [20_000, 'failing'],
    ] as const;
    expect(judgeAll(healthy, two).health).toBe('healthy');
    expect(judgeAll(healthy, [...two, [30_000, 'failing']]).health).toBe('unhealthy');
    const broken = [...two, [30_000, 'healthy'], [40_000, 'failing'], [50_000, 'failing']] as const;
    expect(judgeAll(healthy, broken).health).toBe('healthy');
  });

  test('does not count failures during the start period', () => {
    const rules = { ...limits, startPeriodMs: 60_000 };
    const early = Array.from({ length: 60 }, (_, index) => [index * 1000, 'failing'] as const);
    const memory = judgeAll(beginHealth('starting', 0), early, rules);
    expect(memory).toMatchObject({ health: 'starting', failureCount: 0 });
    const late = [
      [69_000, 'failing'],
      [79_000, 'failing'],
      [89_000, 'failing'],
    ] as const;
    expect(judgeAll(memory, late, rules).health).toBe('unhealthy');
  });

  test('is not changed by a check that could not be made', () => {
    const memory = judgeAll(beginHealth('healthy', 0), [
      [10_000, 'not-judgeable'],
      [20_000, 'not-judgeable'],
      [30_000, 'not-judgeable'],
    ]);
    expect(memory).toEqual(beginHealth('healthy', 0));
  });

  test('comes back from unhealthy with a success', () => {
    expect(judgeAll(beginHealth('unhealthy', 0), [[1, 'healthy']]).health).toBe('healthy');
  });

  test('after a restart of the worker knows no second start period', () => {
    const rules = { ...limits, startPeriodMs: 60_000, retries: 1 };
    expect(judgeAll(beginHealth('healthy', 0), [[10, 'failing']], rules).health).toBe('unhealthy');
  });
});

test('a starting task is asked every second, one that was judged every interval', () => {
  expect(nextCheckMs(beginHealth('starting', 0), limits)).toBe(1000);
  expect(nextCheckMs(beginHealth('starting', 0), { ...limits, intervalMs: 300 })).toBe(300);
  expect(nextCheckMs(beginHealth('healthy', 0), limits)).toBe(10_000);
  expect(nextCheckMs(beginHealth('unhealthy', 0), limits)).toBe(10_000);
});

test('the limits are those of the spec in milliseconds', () => {
  const { health } = spec({
    ports: [{ container: 80 }],
    health: { tcp: { port: 80 }, interval: '5s', timeout: '1s', retries: 2, startPeriod: '1m' },
  });
  expect(health === undefined ? undefined : toHealthLimits(health)).toEqual({
    intervalMs: 5000,
    startPeriodMs: 60_000,
    retries: 2,
  });
});
