import type { Fault } from '../faults/faults.ts';
import { runSeed, type SeedReport } from '../run-seed.ts';
import type { RunOptions } from '../simulation.ts';
import { shrink } from './shrink.ts';

/** A failed seed, brought down to what is needed to see why. */
export interface Diagnosis {
  readonly violation: string;
  /** The faults that are enough for it. */
  readonly faults: readonly Fault[];
  readonly faultCountBefore: number;
  /** Whether it also breaks with a good network and good starts. */
  readonly isCalm: boolean;
  /** Of the shrunk run, what concerns the tasks and nodes of the violation, and the faults. */
  readonly trace: readonly string[];
}

export interface DiagnoseOptions extends Pick<RunOptions, 'patches'> {
  /** Runs at most. Default 150. */
  readonly tryCountMax?: number;
}

/**
 * Runs a failed seed again and again with fewer faults, for as long as the same invariant breaks.
 * Gives nothing when the seed does not fail.
 */
export async function diagnose(
  seed: number,
  { patches, tryCountMax = 150 }: DiagnoseOptions = {},
): Promise<Diagnosis | undefined> {
  const planted = patches === undefined ? {} : { patches };
  const whole = await runSeed(seed, planted);
  const [violation] = whole.violations;
  if (violation === undefined) return undefined;
  const check = checkOf(violation);
  const run = (faults: readonly Fault[], options: RunOptions): Promise<SeedReport> =>
    runSeed(seed, { ...planted, ...options, skip: allBut(faults) });
  const isSame = ({ violations }: SeedReport): boolean =>
    violations[0] !== undefined && checkOf(violations[0]) === check;
  const isCalm = isSame(await run(whole.faults, { isCalm: true }));
  const fails = async (faults: readonly Fault[]): Promise<boolean> =>
    isSame(await run(faults, { isCalm }));
  const faults = await shrink(whole.faults, fails, tryCountMax);
  const shrunk = await run(faults, { isCalm, isTraced: true });
  const [shown = violation] = shrunk.violations;
  return {
    violation: shown,
    faults,
    faultCountBefore: whole.faults.length,
    isCalm,
    trace: linesAbout(shown, shrunk.trace),
  };
}

/** The name of the invariant, in brackets. */
function checkOf(violation: string): string {
  return violation.slice(0, violation.indexOf(']') + 1);
}

/** A run has a hundred faults or two; whatever comes beyond those that are left is left out. */
function allBut(faults: readonly Fault[]): ReadonlySet<number> {
  const kept = new Set(faults.map(({ index }) => index));
  return new Set(Array.from({ length: 2000 }, (_, index) => index).filter((one) => !kept.has(one)));
}

const ENTITY =
  /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\bn\d\b|\brevision \d+/g;

/** The lines of a history that speak of the tasks or nodes that a violation names, and the faults. */
export function linesAbout(violation: string, trace: readonly string[]): readonly string[] {
  const words = [...violation.matchAll(ENTITY)].map(([word]) => word);
  // A task says more than the node it is on, and a revision leads to its task.
  const ids = words.filter((word) => word.includes('-'));
  const marks = words
    .filter((word) => word.startsWith('revision'))
    .map((word) => `{"revision":${word.slice('revision '.length)},`);
  const event = trace.find((line) => marks.some((mark) => line.includes(mark)));
  const [, taskId] = /"taskId":"([^"]+)"/.exec(event ?? '') ?? [];
  if (ids.length === 0 && taskId !== undefined) ids.push(taskId);
  const isAbout = (line: string): boolean =>
    ids.length > 0
      ? ids.some((id) => line.includes(id))
      : line === event ||
        words.some((word) => line.includes(`"${word}"`) || line.includes(`${word}:`));
  return trace.filter((line) => / (fault \d|healed)/.test(line) || isAbout(line));
}
