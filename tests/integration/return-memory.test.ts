import { execFileSync } from 'node:child_process';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';

const MODULE = pathToFileURL(`${import.meta.dirname}/../../src/lib/return-memory.ts`).href;

/** Sizes of the young generation, before and after, in bytes, in a process with so much in use. */
function returnedBy(keptMiB: number): { before: number; after: number; hasFunction: boolean } {
  const program = `
    import { getHeapSpaceStatistics } from 'node:v8';
    import { returnMemory } from ${JSON.stringify(MODULE)};
    const young = () =>
      getHeapSpaceStatistics().find((space) => space.space_name === 'new_space').space_size;
    const kept = Array.from({ length: ${keptMiB} * 1024 }, () => new Array(128).fill(0.5));
    let some = [];
    for (let index = 0; index < 2e6; index += 1) {
      some.push({ index });
      if (some.length > 100_000) some = [];
    }
    const before = young();
    returnMemory();
    const hasFunction = typeof gc === 'function';
    console.log(JSON.stringify({ before, after: young(), hasFunction, count: kept.length }));
  `;
  const args = ['--input-type=module', '--eval', program];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }));
}

describe('what a start has grown', () => {
  it('is given back', () => {
    const { before, after, hasFunction } = returnedBy(1);
    expect(before).toBeGreaterThan(8_000_000);
    expect(after).toBeLessThan(4_000_000);
    expect(hasFunction).toBe(false);
  });

  it('is kept where much is in use, as that would hold up the program', () => {
    const { before, after } = returnedBy(96);
    expect(after).toBe(before);
  });
});
