import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { tell } from '../support/long-run.ts';

// A history that depended on how many ticks a promise takes, or on how a library of the engine
// rounds, would be the same on one version of Node alone. Which other version that is to be
// compared is told by its program, in CUBE_OTHER_NODE; the script of the continuous integration
// fetches the newest.

const SEEDS = Array.from({ length: 20 }, (_, index) => `${index + 1}`);
const other = process.env['CUBE_OTHER_NODE'];
const isLeftOut = other === undefined && process.env['CI'] !== 'true';

async function historiesOn(node: string): Promise<string> {
  const program = join(import.meta.dirname, '../support/print-histories.ts');
  const { stdout } = await promisify(execFile)(node, [program, ...SEEDS]);
  return stdout;
}

describe.skipIf(isLeftOut)('another version of Node', () => {
  it('makes the same of the same seeds', { timeout: 120_000 }, async () => {
    const [theirs, ours] = await Promise.all([other ?? '', process.execPath].map(historiesOn));
    expect(theirs?.trim().split('\n')).toHaveLength(SEEDS.length);
    expect(theirs).toBe(ours);
    tell({ 'histories that were the same on another version of Node': SEEDS.length });
  });
});
