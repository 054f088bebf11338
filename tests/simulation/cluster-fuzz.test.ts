import { describe, expect, it } from 'vitest';
import { faultKinds } from '../../src/simulation/faults/fault-kinds.ts';
import { runSeed } from '../../src/simulation/run-seed.ts';

// The real manager and workers under random faults, each run fixed by its seed. To run one again:
//
//   CUBE_SEED=17 npx vitest run --project simulation
//
// CUBE_SEEDS=1000-2000 runs a range instead; CUBE_TRACE=1 prints all that happened.
//
// What must be true of every run is in src/simulation: log-watch.ts (of the log at every revision), world-watch.ts
// (of what runs at every moment), clients.ts (of every reply) and run-seed.ts (once all is over).

const seeds = readSeeds(process.env['CUBE_SEED'] ?? process.env['CUBE_SEEDS'] ?? '1-60');
/** How often each kind of fault struck, and of request was answered, in all seeds. */
const counts = new Map<string, number>();
const isTraced = process.env['CUBE_TRACE'] !== undefined;

function readSeeds(text: string): readonly number[] {
  const [first = 1, last = first] = text.split('-').map(Number);
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

describe('a cluster under random faults', () => {
  it.for(seeds)('loses, doubles and forgets nothing, and comes to rest: seed %i', async (seed) => {
    const report = await runSeed(seed, { isTraced });
    if (isTraced) process.stdout.write(`${report.trace.join('\n')}\n`);
    expect(report.violations, `replay: CUBE_SEED=${seed}`).toEqual([]);
    for (const [kind, count] of [...report.faultCounts, ...Object.entries(report.requests)]) {
      counts.set(kind, (counts.get(kind) ?? 0) + count);
    }
  });

  it.runIf(seeds.length >= 50)('sees every kind of fault and request often', () => {
    const rare = [...faultKinds, 'submitted', 'stopped', 'listed', 'refused', 'followed'].filter(
      (kind) => (counts.get(kind) ?? 0) < 20,
    );
    expect(rare).toEqual([]);
  });

  it('makes the same of the same seed', async () => {
    const [seed = 1] = seeds;
    const [first, again] = [
      await runSeed(seed, { isTraced: true }),
      await runSeed(seed, { isTraced: true }),
    ];
    expect(again.trace).toEqual(first.trace);
  });
});
