import { describe, expect, it } from 'vitest';
import type { Timer } from '../../../src/lib/clock.ts';
import { SeededRandom } from '../../../src/simulation/seeded-random.ts';
import { VirtualClock } from '../../../src/simulation/virtual-clock.ts';

describe('virtual clock', () => {
  it('rings timers by time, then by age, without those that were cancelled', async () => {
    const random = new SeededRandom(7);
    const clock = new VirtualClock();
    const rung: number[] = [];
    const timers: { readonly index: number; readonly dueAt: number; readonly timer: Timer }[] = [];
    for (let index = 0; index < 1000; index += 1) {
      const dueAt = Math.floor(random.next() * 100);
      const timer = clock.setTimer(dueAt, () => void rung.push(index));
      timers.push({ index, dueAt, timer });
    }
    // So many that they are cleared away in between.
    const cancelled = timers.filter(() => random.next() < 0.7);
    for (const { timer } of cancelled) timer.cancel();
    for (const { timer } of cancelled) timer.cancel();
    const kept = timers.filter((one) => !cancelled.includes(one));
    expect(clock.timerCount).toBe(kept.length);
    await clock.advance(100);
    const expected = kept.sort((one, other) => one.dueAt - other.dueAt || one.index - other.index);
    expect(rung).toEqual(expected.map(({ index }) => index));
    for (const { timer } of kept) timer.cancel();
    expect(clock.timerCount).toBe(0);
  });

  it('rings neither early nor late, and what a timer sets within the same stretch too', async () => {
    const clock = new VirtualClock();
    const rungAt: number[] = [];
    clock.setTimer(10, () => {
      rungAt.push(clock.monotonic());
      clock.setTimer(5, () => void rungAt.push(clock.monotonic()));
    });
    await clock.advance(9);
    expect(rungAt).toEqual([]);
    await clock.advance(11);
    expect(rungAt).toEqual([10, 15]);
  });
});
