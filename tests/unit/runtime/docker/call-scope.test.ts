import { describe, expect, test } from 'vitest';
import { CallScope } from '../../../../src/runtime/docker/call-scope.ts';
import { VirtualClock } from '../../../../src/simulation/virtual-clock.ts';

const never = new Promise<never>(() => undefined);

describe('the bounds of a call', () => {
  test('let through what comes in time, and leave no timer', async () => {
    const clock = new VirtualClock();
    const scope = new CallScope({ signals: [], timeoutMs: 100, clock });
    expect(await scope.race(Promise.resolve(7))).toBe(7);
    scope.close();
    expect(clock.timerCount).toBe(0);
    expect(scope.ended).toBeUndefined();
  });

  test('end it when its time is over', async () => {
    const clock = new VirtualClock();
    const scope = new CallScope({ signals: [], timeoutMs: 100, clock });
    const raced = scope.race(never).catch(() => 'ended');
    await clock.advance(100);
    expect(await raced).toBe('ended');
    expect(scope.ended).toBe('timeout');
    expect(scope.signal.aborted).toBe(true);
  });

  test('end it when a signal is aborted, with that signal’s reason', async () => {
    const clock = new VirtualClock();
    const [one, other] = [new AbortController(), new AbortController()];
    const signals = [one.signal, other.signal];
    const scope = new CallScope({ signals, timeoutMs: 100, clock });
    const raced = scope.race(never).catch(() => 'ended');
    other.abort('why');
    expect(await raced).toBe('ended');
    expect(scope).toMatchObject({ ended: 'aborted', reason: 'why' });
    await clock.advance(1000);
    one.abort('later');
    expect(scope).toMatchObject({ ended: 'aborted', reason: 'why' });
  });

  test('have ended before they began where a signal was aborted before', () => {
    const clock = new VirtualClock();
    const signals = [AbortSignal.abort('why')];
    const scope = new CallScope({ signals, timeoutMs: 100, clock });
    expect(scope).toMatchObject({ ended: 'aborted', reason: 'why' });
    scope.close();
    expect(clock.timerCount).toBe(0);
  });
});
