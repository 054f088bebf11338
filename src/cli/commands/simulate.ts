import { availableParallelism } from 'node:os';
import type { Command } from 'commander';
import { CubeError } from '../../errors/cube-error.ts';
import { BatchTotals } from '../../simulation/batch/batch-totals.ts';
import { checkSeed } from '../../simulation/batch/check-seed.ts';
import { runOnThreads } from '../../simulation/batch/seed-pool.ts';
import { type Diagnosis, diagnose } from '../../simulation/diagnosis/diagnose.ts';
import type { CliIo } from '../cli-io.ts';
import { type CommandContext, once } from '../command-context.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { Progress } from '../progress.ts';

interface SimulateFlags {
  readonly seeds?: string;
  readonly firstSeed?: string;
  readonly seed?: string;
  readonly trace?: boolean;
}

const HELP = `
Each seed runs a manager and workers, the real ones, on virtual time, with a simulated network,
disk and runtime: first under faults, and then all must come to rest. Every invariant is checked
as it goes. The same seed always gives the same history; one seed in twenty runs twice to prove it.

Examples:
  cube simulate --seeds 1000 --first-seed 1
  cube simulate --seed 17                 one seed again, with what led to a violation
  cube simulate --seed 17 --trace         all that happened`;

/** After so many failed seeds a batch has told enough. */
const FAILED_COUNT_MAX = 10;
const PROGRESS_MS = { terminal: 500, otherwise: 10_000 };

/** `cube simulate`: tries to make Cube lose something. */
export function defineSimulate(program: Command, context: CommandContext): void {
  program
    .command('simulate')
    .description('run whole clusters under faults, on virtual time')
    .addOption(once('--seeds <count>', 'how many seeds (default: 100)'))
    .addOption(once('--first-seed <seed>', 'the first of them (default: 1)'))
    .addOption(once('--seed <seed>', 'this seed alone'))
    .option('--trace', 'print the whole history of the seed')
    .addHelpText('after', HELP)
    .action(async (flags: SimulateFlags) => {
      context.exitCode = await simulate(context.io, flags);
    });
}

async function simulate(io: CliIo, flags: SimulateFlags): Promise<ExitCode> {
  if (flags.seed !== undefined) {
    if (flags.seeds !== undefined || flags.firstSeed !== undefined) {
      throw new CubeError('invalid-input', 'Give either --seed or --seeds and --first-seed.');
    }
    return await simulateOne(io, readCount('--seed', flags.seed), flags.trace === true);
  }
  if (flags.trace === true) throw new CubeError('invalid-input', '--trace needs --seed.');
  const first = readCount('--first-seed', flags.firstSeed ?? '1');
  const count = readCount('--seeds', flags.seeds ?? '100');
  return await simulateMany(io, first, count);
}

async function simulateOne(io: CliIo, seed: number, isTraced: boolean): Promise<ExitCode> {
  const startedAt = io.clock.monotonic();
  const report = await checkSeed(seed, { isTraced });
  for (const line of report.trace) await io.stdout.write(`${line}\n`);
  const totals = new BatchTotals();
  totals.take({ seed, report });
  await io.stdout.write(`${summary(totals, io.clock.monotonic() - startedAt)}\n`);
  if (report.violations.length === 0) return exitCodes.ok;
  await tellWhy(io, seed, report.violations);
  return exitCodes.failed;
}

async function simulateMany(io: CliIo, first: number, count: number): Promise<ExitCode> {
  const startedAt = io.clock.monotonic();
  const totals = new BatchTotals();
  const progress = new Progress(io);
  const everyMs = io.stderr.isTerminal ? PROGRESS_MS.terminal : PROGRESS_MS.otherwise;
  let shownAt = startedAt;
  using interrupt = io.watchInterrupt();
  for await (const outcome of runOnThreads(range(first, count), availableParallelism())) {
    totals.take(outcome);
    const now = io.clock.monotonic();
    if (now - shownAt >= everyMs) {
      shownAt = now;
      await progress.show('seeds', rates(totals, count, now - startedAt));
    }
    if (totals.failed.length >= FAILED_COUNT_MAX || interrupt.signal.aborted) break;
  }
  await progress.clear();
  const unseen = totals.unseen();
  await io.stdout.write(`${summary(totals, io.clock.monotonic() - startedAt)}\n`);
  for (const name of unseen) {
    await io.stderr.write(`Never occurred, so the batch proves too little: ${name}.\n`);
  }
  const failed = [...totals.failed].sort((one, other) => one.seed - other.seed);
  for (const { seed, violations } of failed) {
    await io.stderr.write(`Seed ${seed}: ${violations[0]}\n`);
  }
  const [worst] = failed;
  if (worst !== undefined) await tellWhy(io, worst.seed, worst.violations);
  if (failed.length > 0 || unseen.length > 0) return exitCodes.failed;
  return interrupt.signal.aborted ? exitCodes.interrupted : exitCodes.ok;
}

async function tellWhy(io: CliIo, seed: number, violations: readonly string[]): Promise<void> {
  const { stderr } = io;
  await stderr.write(`Broken: ${violations[0]}\nReplay: ${replay(io, seed)}\nShrinking …\n`);
  const diagnosis = await diagnose(seed);
  if (diagnosis === undefined) {
    await stderr.write('Run alone, the seed breaks no invariant but that of giving the same.\n');
    return;
  }
  for (const line of describe(diagnosis)) await stderr.write(`${line}\n`);
  await stderr.write(`Replay: ${replay(io, seed)}\n`);
}

function describe(diagnosis: Diagnosis): readonly string[] {
  const { violation, faults, faultCountBefore, isCalm, trace } = diagnosis;
  const calm = isCalm ? ', with a good network and good starts' : '';
  return [
    `Broken: ${violation}`,
    `${faults.length} of ${faultCountBefore} faults are enough${calm}:`,
    ...faults.map(
      ({ index, kind, atMs, machine }) =>
        `  ${index}: ${kind} at ${Math.round(atMs)} ms${kind.startsWith('manager') ? '' : ` (${machine})`}`,
    ),
    'What led to it, times in virtual milliseconds:',
    ...trace.map((line) => `  ${line}`),
  ];
}

function replay(io: CliIo, seed: number): string {
  const isNpm = io.environment['npm_lifecycle_event'] === 'simulate';
  return `${isNpm ? 'npm run simulate --' : 'cube simulate'} --seed ${seed}`;
}

function rates(totals: BatchTotals, count: number, elapsedMs: number): string {
  const { seedCount, virtualMs, faultCount, failed } = totals;
  const perSecond = (seedCount / (elapsedMs / 1000)).toFixed(1);
  return (
    `${seedCount} of ${count} seeds, ${perSecond} a second; ` +
    `${days(virtualMs)} virtual days; ${faultCount} faults; ${failed.length} failed`
  );
}

function summary(totals: BatchTotals, elapsedMs: number): string {
  const { seedCount, repeatedCount, virtualMs, faultCount, failed, eventCount } = totals;
  const factor = Math.round(virtualMs / Math.max(1, elapsedMs));
  const kinds = [...totals.faults].sort(([one], [other]) => (one < other ? -1 : 1));
  return (
    `${seedCount} seeds (${repeatedCount} twice) in ${(elapsedMs / 1000).toFixed(1)} s, ` +
    `${days(virtualMs)} virtual days (${factor} times real time), ${eventCount} events, ` +
    `${faultCount} faults (${kinds.map(([kind, count]) => `${kind} ${count}`).join(', ')}), ` +
    `violations in ${failed.length} seeds`
  );
}

function days(ms: number): string {
  return (ms / 86_400_000).toFixed(2);
}

function* range(first: number, count: number): Generator<number> {
  for (let seed = first; seed < first + count; seed += 1) yield seed;
}

function readCount(flag: string, text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new CubeError('invalid-input', `${flag} is a whole number from 1 on, not "${text}".`);
}
