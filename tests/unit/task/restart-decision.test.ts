import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../../src/simulation/seeded-random.ts';
import { decideRestart } from '../../../src/task/restart-decision.ts';
import { restartPolicySchema } from '../../../src/task/restart-policy.ts';

const random = new SeededRandom(7);
const failed = { succeeded: false, ranMs: 0, recentRestartCount: 0 };

describe('restart decision', () => {
  it.each([
    ['never', false, false],
    ['never', true, false],
    ['on-failure', false, true],
    ['on-failure', true, false],
    ['always', false, true],
    ['always', true, true],
  ] as const)('with policy %s after success %s is %s', (policy, succeeded, restart) => {
    const decision = decideRestart(
      restartPolicySchema.parse(policy),
      { ...failed, succeeded },
      random,
    );
    expect(decision.restart).toBe(restart);
  });

  it('is no once the attempts of the window are used up', () => {
    const policy = restartPolicySchema.parse({ policy: 'always', attempts: 3 });
    const at = (recentRestartCount: number) =>
      decideRestart(policy, { ...failed, recentRestartCount }, random);
    expect(at(2).restart).toBe(true);
    expect(at(3)).toEqual({ restart: false, why: 'exhausted' });
    expect(
      decideRestart(policy, { ...failed, recentRestartCount: 3, ranMs: 600_000 }, random),
    ).toEqual({ restart: true, delayMs: 1000, recentRestartCount: 1 });
  });

  it('never waits less than the delay nor more than its maximum, and half the doubled one at least', () => {
    const policy = restartPolicySchema.parse({ policy: 'always', delay: '200ms', delayMax: '30s' });
    fc.assert(
      fc.property(fc.nat(5000), fc.integer(), (recentRestartCount, seed) => {
        const decision = decideRestart(
          policy,
          { ...failed, recentRestartCount },
          new SeededRandom(seed),
        );
        if (!decision.restart) throw new Error('a restart is wanted');
        const doubledMs = Math.min(30_000, 200 * 2 ** recentRestartCount);
        expect(decision.delayMs).toBeGreaterThanOrEqual(Math.max(200, doubledMs / 2));
        expect(decision.delayMs).toBeLessThanOrEqual(doubledMs);
      }),
    );
  });

  it('starts a task that always fails at once at most 12 times in its first 10 minutes', () => {
    const policy = restartPolicySchema.parse('always');
    let recentRestartCount = 0;
    let nowMs = 0;
    let starts = 1;
    for (;;) {
      const decision = decideRestart(policy, { ...failed, recentRestartCount }, random);
      if (!decision.restart) throw new Error('a restart is wanted');
      nowMs += decision.delayMs;
      if (nowMs > 600_000) break;
      starts += 1;
      recentRestartCount = decision.recentRestartCount;
    }
    expect(starts).toBeLessThanOrEqual(12);
  });
});
