import { describe, expect, it } from 'vitest';
import { BatchTotals } from '../../../src/simulation/batch/batch-totals.ts';
import { isRepeated } from '../../../src/simulation/batch/check-seed.ts';
import { runOnThreads } from '../../../src/simulation/batch/seed-pool.ts';
import type { SeedReport } from '../../../src/simulation/run-seed.ts';
import { situationNames } from '../../../src/simulation/situations.ts';

const seeds = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

/** Of a run in which nothing happened but these situations. */
function uneventful(seed: number, situations: readonly string[] = []): SeedReport {
  return {
    seed,
    violations: [],
    trace: [],
    hash: '',
    eventCount: 0,
    stepCount: 0,
    virtualMs: 0,
    faults: [],
    faultCounts: new Map(),
    requests: {},
    situations: new Map(situations.map((name) => [name, 1])),
  };
}

describe('a batch of seeds', () => {
  it('tells of every situation that never occurred in sixty seeds, and of none in fewer', () => {
    const totals = new BatchTotals();
    const [first, ...others] = situationNames;
    for (const seed of seeds(59)) totals.take({ seed, report: uneventful(seed, others) });
    expect(totals.unseen()).toEqual([]);
    totals.take({ seed: 60, report: uneventful(60, others) });
    expect(totals.unseen()).toContain(first);
    expect(totals.unseen()).not.toContain(others[0]);
    expect(totals.unseen()).toContain('manager-killed');
  });

  it('counts a run that dies as a violation of its seed', () => {
    const totals = new BatchTotals();
    totals.take({ seed: 3, crash: 'out of memory' });
    expect(totals.failed).toEqual([
      { seed: 3, violations: ['[no-crash] the run died: out of memory'] },
    ]);
  });

  it('runs five in a hundred seeds twice', () => {
    expect(seeds(1000).filter(isRepeated).length).toBe(50);
  });

  it('gives every seed once, whichever thread it ran on', async () => {
    const outcomes = await Array.fromAsync(runOnThreads([5, 6, 7], 2));
    expect(outcomes.map(({ seed }) => seed).sort()).toEqual([5, 6, 7]);
    expect(outcomes.every((outcome) => 'report' in outcome)).toBe(true);
  });
});
