import { readFile } from 'node:fs/promises';
import { type Clock, sleep } from '../../lib/clock.ts';
import type { Reason } from '../../task/reason.ts';
import type { ExitCode } from '../../task/task-status.ts';
import { exitedReason, outOfMemoryReason } from '../ended-reason.ts';
import { findLiving, type ProcessStat, readBootTimeMs } from '../process-identity.ts';
import type { InstanceStatus } from '../runtime.ts';
import { countMemoryKills, killControlGroups, removeControlGroups } from './control-group.ts';
import { isMissing } from './durable-file.ts';
import type {
  InstanceDirectory,
  InstanceEnd,
  InstanceRecord,
  RecordedProcess,
} from './instance-directory.ts';
import { killMarkedProcesses, sendSignal } from './marked-processes.ts';
import { SHIM_MARK } from './shim.ts';

/** How long all processes of an instance may take to die of SIGKILL. */
const KILL_MS = 5000;

/**
 * A shim whose claim was first seen this long ago and that did not say who it is has been killed.
 * By the monotonic clock: the file has only the time of a wall clock, which may have stepped since.
 */
const CLAIM_MS = 3000;

/** A shim writes the exit code within a moment of the program's end, unless it was stopped. */
const SHIM_MS = 2000;

export interface InstanceContext {
  readonly clock: Clock;
  readonly bootId: string;
  /** When the claim of a shim without a word was first seen here, on the monotonic clock. */
  readonly claimsSeenAt: Map<string, number>;
}

/** What the files and the process table say of an instance. */
export type ObservedInstance =
  /** The intention was recorded; nothing was started. */
  | { readonly phase: 'created'; readonly record: InstanceRecord }
  /** A shim is at work; the program is not there yet. */
  | { readonly phase: 'starting'; readonly record: InstanceRecord }
  | {
      readonly phase: 'running';
      readonly record: InstanceRecord;
      readonly program: RecordedProcess;
      /** Undefined in the moment between its end and the shim's word of it. */
      readonly living: ProcessStat | undefined;
      readonly shim: ProcessStat | undefined;
    }
  | { readonly phase: 'ended'; readonly record: InstanceRecord; readonly end: InstanceEnd };

/**
 * Looks at an instance, and settles its end where it has ended: kills what it left running, and
 * records how it ended before anyone hears of it.
 *
 * @returns undefined when there is no such instance.
 */
export async function observeInstance(
  directory: InstanceDirectory,
  context: InstanceContext,
): Promise<ObservedInstance | undefined> {
  const record = await directory.findRecord();
  if (record === undefined) return undefined;
  const end = await directory.findEnd();
  if (end !== undefined) return { phase: 'ended', record, end };
  if (!(await directory.isClaimed())) return { phase: 'created', record };
  const noted = await directory.findProcess('program');
  // Pids of another boot say nothing.
  const isSameBoot = record.bootId === context.bootId;
  const living = isSameBoot ? await findLiving(noted) : undefined;
  const shim = isSameBoot ? await findLiving(await directory.findProcess('shim')) : undefined;
  if (noted !== undefined) context.claimsSeenAt.delete(directory.name);
  if (noted !== undefined && living !== undefined) {
    return { phase: 'running', record, program: noted, living, shim };
  }
  // Read after the look at the shim: once that is dead, no exit code can come any more.
  const exit = await directory.findExit();
  // A program that ended at once may have been noted only after the first look.
  const program = exit === undefined ? noted : await directory.findProcess('program');
  if (exit === undefined && shim !== undefined) {
    return program === undefined
      ? { phase: 'starting', record }
      : { phase: 'running', record, program, living, shim };
  }
  if (exit === undefined && program === undefined && isSameBoot) {
    if (isClaimFresh(directory, context)) return { phase: 'starting', record };
  }
  const settled = await settle(directory, { record, program, exit, isSameBoot, context });
  return settled === undefined ? undefined : { phase: 'ended', record, end: settled };
}

/** The port's words for it. */
export function toInstanceStatus(observed: ObservedInstance): InstanceStatus {
  const { taskId, attempt, cluster, ports } = observed.record;
  const common = { taskId, attempt, cluster, ports };
  switch (observed.phase) {
    case 'created':
    case 'starting':
      return { ...common, phase: 'created', runtimeId: '' };
    case 'running':
      return {
        ...common,
        phase: 'running',
        runtimeId: `${observed.program.pid}`,
        startedAt: toTimestamp(observed.program.recordedAtMs),
      };
    case 'ended': {
      const { startedAt, ...end } = observed.end;
      return {
        ...common,
        phase: 'ended',
        ...end,
        ...(startedAt === undefined ? {} : { startedAt }),
      };
    }
  }
}

/** Whether the process has become the task's program, and is no shell on the way to it. */
export async function isProgramExecuted(pid: number): Promise<boolean> {
  try {
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8');
    return command !== '' && !command.includes(`\0${SHIM_MARK}\0`);
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

/**
 * Sends a signal to the process group of the program, by an observation made just before. The
 * shim is in that group too, and handles signals by doing nothing.
 */
export function signalInstance(observed: ObservedInstance, signal: NodeJS.Signals): void {
  if (observed.phase !== 'running' || observed.living === undefined) return;
  sendSignal(-observed.living.groupId, signal);
}

/**
 * Kills all processes of an instance. A shim whose program was there is let tell the exit code,
 * and is woken should somebody have stopped it.
 */
export async function killInstance(
  directory: InstanceDirectory,
  record: InstanceRecord,
  context: InstanceContext,
): Promise<void> {
  const { clock, bootId } = context;
  if (record.bootId !== bootId) return;
  await killLeftovers(record, clock);
  const deadline = clock.monotonic() + SHIM_MS;
  for (;;) {
    // Looked up in this order: a shim found without a program may still be starting one.
    const shim = await findLiving(await directory.findProcess('shim'));
    const recorded = await directory.findProcess('program');
    const program = await findLiving(recorded);
    if (program !== undefined) sendSignal(program.pid, 'SIGKILL');
    if (shim === undefined) break;
    const isLate = clock.monotonic() > deadline;
    // What cannot be killed, such as a program that waits for a dead disk, keeps its shim.
    if (isLate && program !== undefined) break;
    // Before a program is there, all that will become one is in the group of the shim.
    if (recorded === undefined) sendSignal(-shim.pid, 'SIGKILL');
    else sendSignal(shim.pid, isLate ? 'SIGKILL' : 'SIGCONT');
    await sleep(clock, 2);
  }
  // What was started between the first look and the end of those who started it.
  await killLeftovers(record, clock);
}

/** What is known of an instance that has ended and whose end is to be recorded. */
interface Ending {
  readonly record: InstanceRecord;
  readonly program: RecordedProcess | undefined;
  readonly exit: { readonly code: number; readonly atMs: number } | undefined;
  readonly isSameBoot: boolean;
  readonly context: InstanceContext;
}

async function settle(
  directory: InstanceDirectory,
  ending: Ending,
): Promise<InstanceEnd | undefined> {
  const { record, program, exit, isSameBoot, context } = ending;
  if (isSameBoot) await killLeftovers(record, context.clock);
  const startedAtMs = program?.recordedAtMs;
  const finishedAtMs = Math.max(startedAtMs ?? 0, exit?.atMs ?? (await endOfUnknown(ending)));
  const exitCode: ExitCode = exit?.code ?? 'unknown';
  const end: InstanceEnd = {
    runtimeId: program === undefined ? '' : `${program.pid}`,
    ...(startedAtMs === undefined ? {} : { startedAt: toTimestamp(startedAtMs) }),
    finishedAt: toTimestamp(finishedAtMs),
    exitCode,
    reason: await findReason(directory, ending),
  };
  try {
    await directory.writeEnd(end);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  await removeControlGroups(record.groups);
  // Another look may have settled it first.
  return directory.findEnd();
}

async function findReason(directory: InstanceDirectory, ending: Ending): Promise<Reason> {
  const { record, exit, isSameBoot } = ending;
  const killReason = await directory.findKillReason();
  if (killReason !== undefined && (exit === undefined || exit.code === 137)) return killReason;
  if (exit !== undefined) {
    // Only a program that was killed itself has run out of memory; it may survive its children.
    const isOutOfMemory = exit.code === 137 && (await countMemoryKills(record.groups)) > 0;
    return isOutOfMemory ? outOfMemoryReason(record.memoryBytes) : exitedReason(exit.code);
  }
  if (!isSameBoot) {
    return {
      code: 'lost-on-reboot',
      message: 'The machine was restarted while it ran; its exit code is not known.',
    };
  }
  return {
    code: 'lost',
    message: 'It ended after its supervising process had been killed; its exit code is not known.',
  };
}

async function endOfUnknown(ending: Ending): Promise<number> {
  const now = ending.context.clock.now();
  return ending.isSameBoot ? now : ((await readBootTimeMs()) ?? now);
}

async function killLeftovers(record: InstanceRecord, clock: Clock): Promise<void> {
  if (record.groups.length > 0) {
    await killControlGroups(record.groups, { clock, timeoutMs: KILL_MS });
  } else {
    await killMarkedProcesses(record, { clock, timeoutMs: KILL_MS });
  }
}

function isClaimFresh(
  { name }: InstanceDirectory,
  { clock, claimsSeenAt }: InstanceContext,
): boolean {
  const now = clock.monotonic();
  const seenAt = claimsSeenAt.get(name) ?? now;
  const isFresh = now - seenAt < CLAIM_MS;
  if (isFresh) claimsSeenAt.set(name, seenAt);
  else claimsSeenAt.delete(name);
  return isFresh;
}

function toTimestamp(ms: number): string {
  return new Date(ms).toISOString();
}
