import { describe, expect, it } from 'vitest';
import { checkSeed } from '../../src/simulation/batch/check-seed.ts';
import type { PortPatches } from '../../src/simulation/cluster/port-patches.ts';
import { diagnose } from '../../src/simulation/diagnosis/diagnose.ts';
import { runSeed } from '../../src/simulation/run-seed.ts';
import { clockBugs } from './planted/clock-bugs.ts';
import { diskBugs } from './planted/disk-bugs.ts';
import { linkBugs } from './planted/link-bugs.ts';
import { otherBugs } from './planted/other-bugs.ts';
import { type PlantedBug, withMethods } from './planted/planted-bug.ts';
import { ruleBugs } from './planted/rule-bugs.ts';
import { steeringBugs } from './planted/steering-bugs.ts';

// A checker that finds nothing proves nothing until it is seen to find something. Each bug here is
// planted between a manager or worker and one of its ports, and must be found within few seeds.

const bugs = [...clockBugs, ...diskBugs, ...linkBugs, ...ruleBugs, ...otherBugs, ...steeringBugs];

interface Found {
  readonly seed: number;
  readonly violation: string;
}

async function find({ plant, seedCountMax }: PlantedBug): Promise<Found | undefined> {
  for (let seed = 1; seed <= seedCountMax; seed += 1) {
    const { violations } = await runSeed(seed, { patches: plant() });
    const [violation] = violations;
    if (violation !== undefined) return { seed, violation };
  }
  return undefined;
}

describe('a planted bug', () => {
  it.for(bugs)('is found within $seedCountMax seeds: $name', async (bug) => {
    const found = await find(bug);
    const check = /^\[(.+?)\]/.exec(found?.violation ?? '')?.[1];
    expect(bug.checks, found?.violation).toContain(check);
  });

  it('is found by the second run of a seed, where chance has a hand in it', async () => {
    const patches: PortPatches = {
      managerClock: (clock) =>
        withMethods(clock, {
          setTimer: (delayMs, callback) => clock.setTimer(delayMs + Math.random(), callback),
        }),
    };
    const { violations } = await checkSeed(20, { patches });
    expect(violations.at(-1)).toMatch(/^\[deterministic\]/);
  });

  it('is told with few of the faults that struck, and with what happened to its task', async () => {
    const bug = linkBugs.find(({ checks }) => checks.includes('bounded'));
    const patches = (): PortPatches => bug?.plant() ?? {};
    let seed = 1;
    // The first seed in which so much happens before that something can be left out.
    for (; seed < 20; seed += 1) {
      const { violations, faults } = await runSeed(seed, { patches: patches() });
      if (violations.length > 0 && faults.length > 3) break;
    }
    const told = await diagnose(seed, { patches: patches(), tryCountMax: 15 });
    expect(told?.violation).toMatch(/^\[bounded\]/);
    const { faults = [], faultCountBefore = 0, trace = [] } = told ?? {};
    expect(faultCountBefore).toBeGreaterThan(faults.length);
    const shown = trace.flatMap((line) => / fault (\d+): (\S+)/.exec(line)?.slice(1) ?? []);
    expect(shown).toEqual(faults.flatMap(({ index, kind }) => [String(index), kind]));
  });
});
