import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SeededRandom } from '../../src/simulation/seeded-random.ts';
import { findBrokenPromise } from '../support/check-kept.ts';
import { CrashDisk } from '../support/crash-image.ts';
import { type DiskStep, diskTraceFlags, readDiskTrace } from '../support/disk-trace.ts';
import { tell } from '../support/long-run.ts';
import { runWriter } from '../support/run-writer.ts';
import type { WriterPlan } from '../support/store-writer.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../support/temporary-directory.ts';

/**
 * The power is cut at random moments of a recorded run of the real store, and what the disk may
 * then hold is opened: every acknowledged transaction is whole, none is kept by half, those kept
 * are the first ones called, and the store takes one more. After the method of ALICE (Pillai et
 * al., OSDI 2014).
 *
 * `CUBE_CRASH_IMAGES` sets how many images are tried, `CUBE_CRASH_SEED` where the randomness begins.
 */
const imageCount = Number(process.env['CUBE_CRASH_IMAGES'] ?? 200);
const seed = Number(process.env['CUBE_CRASH_SEED'] ?? 1);

/** Singles and groups; pauses in which the log is moved into the file; closing and opening again. */
const stages: WriterPlan['stages'] = [
  ...Array.from({ length: 20 }, () => ({ calls: 1 })),
  { calls: 30, pauseMs: 700 },
  ...Array.from({ length: 10 }, () => ({ calls: 4 })),
  { calls: 2, reopen: true },
  ...Array.from({ length: 10 }, () => ({ calls: 1 })),
  { calls: 40, pauseMs: 700 },
  ...Array.from({ length: 10 }, () => ({ calls: 3 })),
];

let directory: TemporaryDirectory;
beforeAll(async () => {
  directory = await temporaryDirectory();
});
afterAll(() => directory[Symbol.asyncDispose]());

async function record(name: string, synchronous: 'FULL' | 'OFF'): Promise<readonly DiskStep[]> {
  const home = join(directory.path, name);
  const logPath = join(directory.path, `${name}.trace`);
  const prefix = ['strace', ...diskTraceFlags, '-o', logPath];
  const plan = { path: join(home, 'cube.db'), stages, synchronous, isAbrupt: true };
  const run = await runWriter(plan, { prefix });
  expect(run.errorText).toBe('');
  expect(run.lines).toContain('DONE');
  return readDiskTrace(logPath, home);
}

/** Cuts the power after step `cutAt`; says which promise is broken then, if one is. */
function tryCut(steps: readonly DiskStep[], cutAt: number, imageSeed: number): string | undefined {
  const disk = new CrashDisk();
  const acknowledged: number[] = [];
  for (const step of steps.slice(0, cutAt)) {
    disk.apply(step);
    if (step.kind === 'acknowledge') acknowledged.push(step.index);
  }
  const image = join(directory.path, `image-${imageSeed}`);
  disk.writeImage(image, new SeededRandom(imageSeed));
  const broken = findBrokenPromise(join(image, 'cube.db'), acknowledged);
  rmSync(image, { recursive: true });
  return broken && `seed ${imageSeed}, cut at ${cutAt} of ${steps.length}: ${broken}`;
}

function tryCuts(steps: readonly DiskStep[], count: number): readonly string[] {
  const random = new SeededRandom(seed);
  const cuts = Array.from({ length: count }, (_, index) => {
    const cutAt = Math.floor(random.next() * (steps.length + 1));
    return tryCut(steps, cutAt, seed * 1_000_000 + index);
  });
  return cuts.filter((broken) => broken !== undefined);
}

describe('after a power cut', () => {
  test(`all ${imageCount} images keep what was acknowledged`, async () => {
    const steps = await record('flushed', 'FULL');
    const acknowledgedCount = steps.filter(({ kind }) => kind === 'acknowledge').length;
    expect(acknowledgedCount).toBe(stages.reduce((sum, { calls }) => sum + calls, 0));
    expect(tryCuts(steps, imageCount)).toEqual([]);
    tell({ 'crash images': imageCount });
  }, 1_800_000);

  test('the control without flushes fails the same check', async () => {
    const steps = await record('unflushed', 'OFF');
    expect(tryCuts(steps, 20).length).toBeGreaterThan(0);
  });
});
