import { describe, expect, it } from 'vitest';
import { noopLogger } from '../../../src/lib/logger.ts';
import { Loop } from '../../../src/lib/loop.ts';
import type { Random } from '../../../src/lib/random.ts';
import { drain, VirtualClock } from '../../../src/simulation/virtual-clock.ts';

function makeLoop(
  pass: (signal: AbortSignal) => Promise<void> | void,
  more: {
    readonly intervalMs?: number;
    readonly retryMs?: number;
    readonly retryMsMax?: number;
    readonly random?: Random;
  } = {},
) {
  const clock = new VirtualClock();
  const loop = new Loop({ name: 'test', clock, logger: noopLogger, pass, ...more });
  return { loop, clock };
}

/** A pass that ends when the test says so. */
function heldPass() {
  const ends: (() => void)[] = [];
  let running = 0;
  let overlapped = false;
  const pass = async (): Promise<void> => {
    running += 1;
    overlapped ||= running > 1;
    await new Promise<void>((resolve) => ends.push(resolve));
    running -= 1;
  };
  return { pass, ends, isOverlapped: () => overlapped };
}

describe('loop', () => {
  it('merges the nudges of one burst into one pass', async () => {
    let count = 0;
    const { loop } = makeLoop(() => void count++);
    for (let index = 0; index < 10; index += 1) loop.nudge();
    await drain();
    expect(count).toBe(1);
  });

  it('runs once more after a nudge during a pass, and never overlaps', async () => {
    const held = heldPass();
    const { loop } = makeLoop(held.pass);
    loop.nudge();
    await drain();
    loop.nudge();
    loop.nudge();
    await drain();
    expect(held.ends).toHaveLength(1);
    held.ends[0]?.();
    await drain();
    expect(held.ends).toHaveLength(2);
    held.ends[1]?.();
    await drain();
    expect(held.ends).toHaveLength(2);
    expect(held.isOverlapped()).toBe(false);
  });

  it('warns only of failures that do not mend by themselves within a few tries', async () => {
    const levels: string[] = [];
    const clock = new VirtualClock();
    const logger = {
      ...noopLogger,
      info: (fields: object) => void levels.push(`info ${Object.keys(fields)}`),
      warn: (fields: object) => void levels.push(`warn ${Object.keys(fields)}`),
    };
    const pass = (): void => {
      throw new Error('not yet');
    };
    const loop = new Loop({ name: 'test', clock, logger, pass });
    loop.nudge();
    await clock.advance(2000);
    const quiet = 'info loop,retryInMs,why';
    const alarm = 'warn loop,retryInMs,err';
    expect(levels).toEqual([quiet, quiet, quiet, alarm, alarm]);
  });

  it('runs on its own at its interval', async () => {
    let count = 0;
    const { loop, clock } = makeLoop(() => void count++, { intervalMs: 100 });
    loop.nudge();
    await clock.advance(350);
    expect(count).toBe(4);
  });

  it('keeps the earliest of several later wishes', async () => {
    let count = 0;
    const { loop, clock } = makeLoop(() => void count++);
    loop.nudgeAfter(500);
    loop.nudgeAfter(50);
    loop.nudgeAfter(900);
    await clock.advance(60);
    expect(count).toBe(1);
    await clock.advance(2000);
    expect(count).toBe(1);
  });

  it('repeats a failing pass with doubling pauses that nudges do not shorten', async () => {
    const at: number[] = [];
    const parts = makeLoop(
      () => {
        at.push(parts.clock.monotonic());
        throw new Error('as planned');
      },
      { retryMs: 100, retryMsMax: 400 },
    );
    parts.loop.nudge();
    for (let step = 0; step < 30; step += 1) {
      await parts.clock.advance(50);
      parts.loop.nudge();
    }
    expect(at.slice(0, 5)).toEqual([0, 100, 300, 700, 1100]);
  });

  it('shortens the pauses by up to half where it may, so that many do not come in step', async () => {
    const at: number[] = [];
    const draws = [0, 0.5, 0.999];
    const parts = makeLoop(
      () => {
        at.push(parts.clock.monotonic());
        throw new Error('as planned');
      },
      { retryMs: 100, random: { next: () => draws.shift() ?? 0, uuid: () => '' } },
    );
    parts.loop.nudge();
    await parts.clock.advance(100);
    await parts.clock.advance(150);
    await parts.clock.advance(201);
    expect(at.map(Math.round)).toEqual([0, 100, 250, 450]);
  });

  it('begins with short pauses again after a pass that succeeded', async () => {
    const at: number[] = [];
    const parts = makeLoop(
      () => {
        at.push(parts.clock.monotonic());
        if (at.length !== 3) throw new Error('as planned');
      },
      { retryMs: 100 },
    );
    parts.loop.nudge();
    await parts.clock.advance(1000);
    expect(at).toEqual([0, 100, 300]);
    parts.loop.nudge();
    await parts.clock.advance(150);
    expect(at).toEqual([0, 100, 300, 1000, 1100]);
  });

  it('aborts the running pass when stopped, waits for it, and takes no nudge after', async () => {
    let count = 0;
    let isEnded = false;
    const { loop, clock } = makeLoop(async (signal) => {
      count += 1;
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
      await drain();
      isEnded = true;
    });
    loop.nudge();
    await drain();
    await loop.stop();
    expect(isEnded).toBe(true);
    loop.nudge();
    loop.nudgeAfter(1);
    await clock.advance(10_000);
    expect(count).toBe(1);
    await loop.stop();
  });
});
