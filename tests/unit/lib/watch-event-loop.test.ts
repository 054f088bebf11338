import { describe, expect, it } from 'vitest';
import type { Clock } from '../../../src/lib/clock.ts';
import { noopLogger } from '../../../src/lib/logger.ts';
import { watchEventLoop } from '../../../src/lib/watch-event-loop.ts';
import { VirtualClock } from '../../../src/simulation/virtual-clock.ts';

describe('the watch over the event loop', () => {
  it('tells each time that the process could not work, for how long, and nothing else', async () => {
    const virtual = new VirtualClock();
    let blockedMs = 0;
    /** Time goes on while timers wait. */
    const clock: Clock = {
      now: () => virtual.now(),
      monotonic: () => virtual.monotonic() + blockedMs,
      setTimer: (delayMs, callback) => virtual.setTimer(delayMs, callback),
    };
    const told: object[] = [];
    const logger = { ...noopLogger, warn: (fields: object) => void told.push(fields) };
    const watch = watchEventLoop({ clock, logger });
    await virtual.advance(60_000);
    blockedMs += 900;
    await virtual.advance(1000);
    expect(told).toEqual([]);
    blockedMs += 5000;
    await virtual.advance(60_000);
    expect(told).toEqual([{ blockedMs: 5000 }]);
    blockedMs += 1000;
    await virtual.advance(1000);
    expect(told).toEqual([{ blockedMs: 5000 }, { blockedMs: 1000 }]);
    watch.cancel();
    blockedMs += 5000;
    await virtual.advance(1000);
    expect(told).toHaveLength(2);
  });
});
