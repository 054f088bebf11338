import { runSeed, type SeedReport } from '../run-seed.ts';
import type { RunOptions } from '../simulation.ts';

/** One seed of so many runs twice, and must give the same history: 5 %. */
const SEEDS_PER_REPEAT = 20;

/** Runs a seed as a batch does: some twice, which must give the same hash. */
export async function checkSeed(seed: number, options: RunOptions = {}): Promise<SeedReport> {
  const report = await runSeed(seed, options);
  if (!isRepeated(seed)) return report;
  const again = await runSeed(seed, options);
  if (again.hash === report.hash) return report;
  const violation = `[deterministic] seed ${seed} gave ${report.hash} and then ${again.hash}`;
  return { ...report, violations: [...report.violations, violation] };
}

/** Whether a seed is one of those that run twice. */
export function isRepeated(seed: number): boolean {
  return seed % SEEDS_PER_REPEAT === 0;
}
