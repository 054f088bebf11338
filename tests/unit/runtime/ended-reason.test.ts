import { expect, test } from 'vitest';
import {
  exitedReason,
  killedAfterTimeoutReason,
  outOfMemoryReason,
} from '../../../src/runtime/ended-reason.ts';

test.each([
  [0, 'It ended with exit code 0.'],
  [3, 'It ended with exit code 3.'],
  [143, 'It ended with exit code 143 (by custom: ended by signal 15).'],
  [255, 'It ended with exit code 255.'],
  ['unknown', 'It ended; its exit code was lost.'],
] as const)('exit code %s is put into words', (exitCode, message) => {
  expect(exitedReason(exitCode)).toMatchObject({ code: 'exited', message });
});

test('a kill says after how long and which signal was not heeded', () => {
  const reason = killedAfterTimeoutReason({ stopSignal: 'SIGTERM', timeoutMs: 10_000 });
  expect(reason.message).toBe('It was killed: 10s after SIGTERM it had not ended.');
  expect(reason.details).toEqual({ stopSignal: 'SIGTERM', timeoutMs: 10_000 });
});

test('an end for want of memory names the limit where there is one', () => {
  expect(outOfMemoryReason(64 * 1024 ** 2).message).toContain('64 MiB');
  expect(outOfMemoryReason(undefined).message).toContain('the machine');
});
