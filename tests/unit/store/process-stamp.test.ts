import { spawn, spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import {
  currentProcessStamp,
  isRunning,
  startTimeOf,
} from '../../../src/store/sqlite/process-stamp.ts';

describe('a process stamp', () => {
  it('of this process says that it runs, and when it began', () => {
    const stamp = currentProcessStamp();
    expect(isRunning(stamp)).toBe(true);
    const now = performance.timeOrigin + performance.now();
    const startTime = startTimeOf(stamp) ?? Number.NaN;
    // The system tells the time of its start in whole seconds.
    expect(now - startTime).toBeGreaterThan(-2000);
    expect(now - startTime).toBeLessThan(600_000);
  });

  it.each([
    ['another start of the machine', { bootId: 'another' }],
    ['another container', { pidNamespace: 'pid:[1]' }],
    ['an earlier process with the same pid', { startTicks: 1 }],
  ])('of %s does not pass for this process', (_name, change) => {
    expect(isRunning({ ...currentProcessStamp(), ...change })).toBe(false);
  });

  it('of a process that ended says so', () => {
    const { pid } = spawnSync('true');
    expect(isRunning({ ...currentProcessStamp(), pid })).toBe(false);
    expect(isRunning({ ...currentProcessStamp(), pid, startTicks: 0 })).toBe(false);
  });

  it('without a start time goes by the pid alone', () => {
    const child = spawn('sleep', ['60']);
    const stamp = { ...currentProcessStamp(), pid: child.pid ?? 0, startTicks: 0 };
    expect(isRunning(stamp)).toBe(true);
    expect(startTimeOf(stamp)).toBeUndefined();
    child.kill('SIGKILL');
  });
});
