import { faultKinds } from '../faults/fault-kinds.ts';
import type { SeedReport } from '../run-seed.ts';
import { situationNames } from '../situations.ts';
import { isRepeated } from './check-seed.ts';
import type { SeedOutcome } from './seed-pool.ts';

/** In so many seeds every named situation and every kind of fault must occur. */
const SEEDS_TO_SEE_ALL = 60;

/** A seed that broke an invariant, or whose thread died of it. */
export interface FailedSeed {
  readonly seed: number;
  readonly violations: readonly string[];
}

/** Sums up a batch. */
export class BatchTotals {
  seedCount = 0;
  repeatedCount = 0;
  virtualMs = 0;
  stepCount = 0;
  eventCount = 0;
  readonly faults = new Map<string, number>();
  readonly situations = new Map<string, number>();
  readonly requests = new Map<string, number>();
  readonly failed: FailedSeed[] = [];

  take(outcome: SeedOutcome): void {
    const { seed } = outcome;
    this.seedCount += 1;
    if (isRepeated(seed)) this.repeatedCount += 1;
    if ('crash' in outcome) {
      this.failed.push({ seed, violations: [`[no-crash] the run died: ${outcome.crash}`] });
      return;
    }
    this.#add(outcome.report);
  }

  get faultCount(): number {
    return [...this.faults.values()].reduce((sum, count) => sum + count, 0);
  }

  /** What never occurred, though it must within so many seeds; nothing in a small batch. */
  unseen(): readonly string[] {
    if (this.seedCount < SEEDS_TO_SEE_ALL) return [];
    return [
      ...faultKinds.filter((kind) => !this.faults.has(kind)),
      ...situationNames.filter((name) => !this.situations.has(name)),
    ];
  }

  #add(report: SeedReport): void {
    this.virtualMs += report.virtualMs;
    this.stepCount += report.stepCount;
    this.eventCount += report.eventCount;
    addTo(this.faults, report.faultCounts);
    addTo(this.situations, report.situations);
    addTo(this.requests, Object.entries(report.requests));
    const { seed, violations } = report;
    if (violations.length > 0) this.failed.push({ seed, violations });
  }
}

function addTo(sums: Map<string, number>, counts: Iterable<readonly [string, number]>): void {
  for (const [name, count] of counts) sums.set(name, (sums.get(name) ?? 0) + count);
}
