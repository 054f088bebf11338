import { expect, it } from 'vitest';
import { systemClock } from '../../../src/lib/clock.ts';
import { systemRandom } from '../../../src/lib/random.ts';
import { RealWorldGuard } from '../../../src/simulation/guard/real-world-guard.ts';
import { runSeed } from '../../../src/simulation/run-seed.ts';

it('tells of real time and real chance that reach the product, and where', () => {
  using guard = new RealWorldGuard();
  systemClock.now();
  systemClock.monotonic();
  systemClock.setTimer(0, () => undefined).cancel();
  systemRandom.next();
  systemRandom.uuid();
  const { violations } = guard;
  expect(violations.map((one) => /^\[deterministic\] (\S+) was asked/.exec(one)?.[1])).toEqual([
    'Date.now',
    'now',
    'setTimeout',
    'random',
    'randomUUID',
  ]);
  expect(violations[0]).toContain('src/lib/clock.ts');
});

it('lets others in the same thread have their time, and leaves all as it was', () => {
  const before = [Date, Math.random, setTimeout, performance.now];
  {
    using guard = new RealWorldGuard();
    clearTimeout(setTimeout(() => undefined, 0));
    expect(new Date(2030, 0)).toBeInstanceOf(Date);
    expect(Date.now() + Math.random()).toBeGreaterThan(0);
    expect(guard.violations).toEqual([]);
  }
  expect([Date, Math.random, setTimeout, performance.now]).toEqual(before);
  expect(Object.hasOwn(performance, 'now')).toBe(false);
});

it('fails a seed in which a program measures by the real clock', async () => {
  const { violations } = await runSeed(1, {
    patches: { managerClock: (clock) => ({ ...clock, now: () => systemClock.now() }) },
  });
  expect(violations.at(-1)).toMatch(/^\[deterministic\] Date\.now was asked for at .*clock\.ts/);
});

it('tells of a rejection that nobody handles', () => {
  using guard = new RealWorldGuard();
  const told = process.listeners('unhandledRejection').at(-1);
  told?.(new Error('left alone'), Promise.resolve());
  expect(guard.violations[0]).toMatch(/^\[no-crash\] nobody handled: Error: left alone/);
});
