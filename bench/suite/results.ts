import { execFileSync } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { arch, cpus, platform, release, totalmem } from 'node:os';
import { dirname } from 'node:path';
import type { Row } from './judge.ts';

/** What a run found, as it is written and kept. */
export interface Results {
  readonly machine: Machine;
  readonly rows: readonly Row[];
}

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly system: string;
  readonly node: string;
  readonly commit: string;
}

/** Where it was measured, and what. */
export function describeMachine(): Machine {
  const all = cpus();
  return {
    cpu: all[0]?.model ?? 'unknown',
    cores: all.length,
    memoryGiB: Math.round(totalmem() / 1024 ** 3),
    system: `${platform()} ${release()} ${arch()}`,
    node: process.version,
    commit: execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim(),
  };
}

/** Nothing where there is no such file. */
export async function readResults(path: string): Promise<Results | undefined> {
  try {
    const results: Results = JSON.parse(await readFile(path, 'utf8'));
    return results;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

export async function writeResults(path: string, results: Results): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `${JSON.stringify(results, null, 2)}\n`);
}

/** The new rows, and the old ones of parts that were not run now. */
export function mergeRows(old: readonly Row[], fresh: readonly Row[]): readonly Row[] {
  const parts = new Set(fresh.map(({ part }) => part));
  return [...old.filter(({ part }) => !parts.has(part)), ...fresh];
}

/** Changes below this share are what any two runs differ by. */
const NOISE = 0.1;

/**
 * How a figure has changed since it was kept, as `+12 % better`; of the ratio where there is one,
 * since the machine's own moods cancel out in it. Nothing for a figure that is new.
 */
export function describeChange(row: Row, kept: readonly Row[]): string | undefined {
  const old = kept.find((one) => one.part === row.part && one.figure === row.figure);
  const before = old?.ratio ?? old?.ours;
  const now = old?.ratio === undefined ? row.ours : row.ratio;
  if (before === undefined || now === undefined || before === 0) return undefined;
  const share = now / before - 1;
  const text = `${share < 0 ? '−' : '+'}${Math.abs(100 * share).toFixed(0)} %`;
  if (Math.abs(share) < NOISE) return text;
  const isMoreBetter = row.unit.endsWith('/s');
  return `${text} ${share > 0 === isMoreBetter ? 'better' : 'worse'}`;
}
