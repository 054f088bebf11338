import { describe, expect, it } from 'vitest';
import { systemRandom } from '../../src/lib/random.ts';
import { BatchTotals } from '../../src/simulation/batch/batch-totals.ts';
import { checkSeed } from '../../src/simulation/batch/check-seed.ts';
import { faultKinds } from '../../src/simulation/faults/fault-kinds.ts';
import { runSeed } from '../../src/simulation/run-seed.ts';
import { regressionSeeds } from './regression-seeds.ts';

// The real manager and workers under random faults, each run fixed by its seed: seeds that are
// always the same, those that once found a bug, and some that nobody has run before. To run one
// again, with what led to a violation:
//
//   npm run simulate -- --seed 17
//
// What must be true of every run is in src/simulation/invariants, beside the replies (clients.ts)
// and what is looked at once all is over (run-seed.ts).

const FIXED_COUNT = 60;
const NEW_COUNT = 20;

/** The first of the new seeds; CUBE_FIRST_SEED sets it. */
const firstNew = Number(
  process.env['CUBE_FIRST_SEED'] ?? 100_000 + Math.floor(systemRandom.next() * 900_000_000),
);

const range = (first: number, count: number): readonly number[] =>
  Array.from({ length: count }, (_, index) => first + index);

/** Of the fixed seeds alone, so that what is demanded of them is no matter of luck. */
const totals = new BatchTotals();

async function check(seed: number): ReturnType<typeof checkSeed> {
  const report = await checkSeed(seed);
  expect(report.violations, `replay: npm run simulate -- --seed ${seed}`).toEqual([]);
  return report;
}

describe('a cluster under random faults', () => {
  it.for(range(1, FIXED_COUNT))(
    'loses, doubles and forgets nothing, and comes to rest: seed %i',
    async (seed) => {
      totals.take({ seed, report: await check(seed) });
    },
  );

  it('has met every named situation and kind of fault in these seeds', () => {
    expect(totals.seedCount).toBe(FIXED_COUNT);
    expect(totals.unseen()).toEqual([]);
  });

  it('has met every kind of fault and request often', () => {
    const counts = new Map([...totals.faults, ...totals.requests]);
    const asked = ['submitted', 'stopped', 'listed', 'refused', 'followed'];
    const steered = ['restarted', 'drained', 'resumed', 'labelled'];
    const kinds = [...faultKinds, ...asked, ...steered];
    // The seeds share their faults among all kinds, so that each kind more leaves fewer of the others.
    expect(kinds.filter((kind) => (counts.get(kind) ?? 0) < 10)).toEqual([]);
  });

  it.for([...regressionSeeds])('does not again what seed $seed found: $bug', async ({ seed }) => {
    await check(seed);
  });

  it(`holds for ${NEW_COUNT} seeds that nobody has run before`, { timeout: 300_000 }, async () => {
    process.stdout.write(`New seeds of the simulation: ${NEW_COUNT} from ${firstNew} on\n`);
    for (const seed of range(firstNew, NEW_COUNT)) await check(seed);
  });

  it('makes the same of the same seed, line by line', async () => {
    const [first, again] = [
      await runSeed(1, { isTraced: true }),
      await runSeed(1, { isTraced: true }),
    ];
    expect(again.trace).toEqual(first.trace);
    expect(again.hash).toBe(first.hash);
    const untraced = await runSeed(1);
    expect(untraced.hash).toBe(first.hash);
  });
});
