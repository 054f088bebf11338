import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findBrokenPromise } from '../support/check-kept.ts';
import { runWriter, type WriterRun } from '../support/run-writer.ts';
import type { WriterPlan } from '../support/store-writer.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

/**
 * What is acknowledged is flushed, shown from outside: a tracer delays, counts and fails the
 * system calls of the real store.
 */

interface Tracing {
  /** The system calls that are shown, and to which `inject` may apply. */
  readonly calls: string;
  /** What to do to them, as strace has it. */
  readonly inject?: string;
  /** Only calls on the data file with this suffix. */
  readonly suffix: '' | '-wal';
}

async function trace(
  plan: Omit<WriterPlan, 'path'>,
  tracing: Tracing,
  inspect: (run: WriterRun, path: string, log: readonly string[]) => void,
): Promise<void> {
  await using directory = await temporaryDirectory();
  const path = join(directory.path, 'data', 'cube.db');
  const logPath = join(directory.path, 'trace');
  const prefix = ['strace', '-f', '-y', '-o', logPath, '-e', `trace=${tracing.calls}`];
  prefix.push('-P', path + tracing.suffix);
  if (tracing.inject !== undefined) prefix.push('-e', `inject=${tracing.calls}:${tracing.inject}`);
  const run = await runWriter({ path, ...plan }, { prefix });
  expect(run.errorText).toBe('');
  const log = readFileSync(logPath, 'utf8').split('\n');
  inspect(run, path, log);
}

/** Completed calls in a log of strace: each has one line with a result. */
function countCalls(log: readonly string[], name: string): number {
  return log.filter((line) => line.includes(name) && / = -?\d/.test(line)).length;
}

describe('an acknowledgement', () => {
  test('never comes before its flush', async () => {
    const delayMs = 150;
    await trace(
      { stages: Array.from({ length: 6 }, () => ({ calls: 3 })) },
      {
        calls: 'fsync,fdatasync',
        suffix: '-wal',
        inject: `delay_enter=${delayMs * 1000}`,
      },
      ({ acknowledged, delaysMs }) => {
        expect(acknowledged).toHaveLength(18);
        for (const elapsedMs of delaysMs) expect(elapsedMs).toBeGreaterThanOrEqual(delayMs);
      },
    );
  });

  test('comes early without flushes, so the check above can fail', async () => {
    const delayMs = 150;
    await trace(
      { stages: [{ calls: 3 }, { calls: 3 }], synchronous: 'OFF' },
      {
        calls: 'fsync,fdatasync',
        suffix: '-wal',
        inject: `delay_enter=${delayMs * 1000}`,
      },
      ({ delaysMs }) => {
        expect(delaysMs).toHaveLength(6);
        expect(Math.min(...delaysMs)).toBeLessThan(delayMs);
      },
    );
  });

  test('shares its flush with those that wait: 64 callers need less than one in 30', async () => {
    await trace(
      { stages: Array.from({ length: 20 }, () => ({ calls: 64 })) },
      { calls: 'fsync,fdatasync', suffix: '-wal' },
      ({ acknowledged }, _path, log) => {
        expect(acknowledged).toHaveLength(20 * 64);
        const flushCount = countCalls(log, 'sync(');
        expect(flushCount).toBeGreaterThanOrEqual(20);
        expect(flushCount).toBeLessThanOrEqual(acknowledged.length / 30);
      },
    );
  });
});

/** Stages of two calls at once, enough of them that the injected failure comes midway. */
const tenPairs = Array.from({ length: 10 }, () => ({ calls: 2 }));

describe('a disk that fails', () => {
  test.each([
    [
      'a flush of the log',
      { calls: 'fsync,fdatasync', suffix: '-wal', inject: 'error=EIO:when=5' },
    ],
    ['a write to the log', { calls: 'pwrite64', suffix: '-wal', inject: 'error=EIO:when=30' }],
  ] as const)(
    'in %s ends the store, and keeps all that was acknowledged',
    async (_name, tracing) => {
      await trace({ stages: tenPairs }, tracing, ({ acknowledged, refused, lines }, path) => {
        expect(acknowledged.length).toBeGreaterThan(2);
        // From the failure on everything is refused: the disk is not trusted again.
        expect(refused.size).toBe(20 - acknowledged.length);
        expect(Math.min(...refused.keys())).toBe(acknowledged.length);
        expect(new Set(refused.values())).toEqual(new Set(['storage-failed']));
        expect(lines).toContain('CLOSED');
        expect(findBrokenPromise(path, acknowledged)).toBeUndefined();
      });
    },
  );

  test('in a flush of the data file ends the store, and the log is kept', async () => {
    await trace(
      { stages: [...tenPairs, { calls: 0, pauseMs: 900 }, { calls: 2 }] },
      // The flush comes when the log is moved into the file, after a pause in the writing.
      { calls: 'fsync,fdatasync', suffix: '', inject: 'error=EIO:when=1' },
      ({ acknowledged, refused }, path) => {
        expect(acknowledged).toHaveLength(20);
        expect([...refused.values()]).toEqual(['storage-failed', 'storage-failed']);
        expect(statSync(`${path}-wal`).size).toBeGreaterThan(0);
        expect(findBrokenPromise(path, acknowledged)).toBeUndefined();
      },
    );
  });

  test('for lack of room refuses that change alone, and takes the next', async () => {
    await trace(
      { stages: tenPairs },
      // Also when it is tried again, after the log was moved.
      { calls: 'pwrite64', suffix: '-wal', inject: 'error=ENOSPC:when=30..31' },
      ({ acknowledged, refused }, path) => {
        expect([...refused.values()]).toEqual(['storage-full', 'storage-full']);
        expect(acknowledged).toHaveLength(18);
        expect(Math.max(...acknowledged)).toBe(19);
        expect(findBrokenPromise(path, acknowledged, { isInOrder: false })).toBeUndefined();
      },
    );
  });

  test('for lack of room in the log makes the change once the log was moved into the file', async () => {
    await trace(
      { stages: tenPairs },
      { calls: 'pwrite64', suffix: '-wal', inject: 'error=ENOSPC:when=30' },
      ({ acknowledged, refused }, path) => {
        expect([...refused.values()]).toEqual([]);
        expect(acknowledged).toHaveLength(20);
        expect(findBrokenPromise(path, acknowledged)).toBeUndefined();
      },
    );
  });
});
