import { readFileSync, readlinkSync } from 'node:fs';

/** Tells one process from every other, also from a later one with the same pid. */
export interface ProcessStamp {
  readonly pid: number;
  /** Which start of the machine; empty where the system does not tell. */
  readonly bootId: string;
  /** When the process started, in clock ticks since the start of the machine; 0 if unknown. */
  readonly startTicks: number;
  /** Which numbering of processes the pid belongs to; empty where the system does not tell. */
  readonly pidNamespace: string;
}

/** The stamp of the process that runs this. */
export function currentProcessStamp(): ProcessStamp {
  return {
    pid: process.pid,
    bootId: tryRead(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()) ?? '',
    startTicks: readStartTicks(process.pid) ?? 0,
    pidNamespace: tryRead(() => readlinkSync('/proc/self/ns/pid')) ?? '',
  };
}

/**
 * Whether the stamped process still runs. False also when it cannot be told, because its pid
 * belongs to another container.
 */
export function isRunning(stamp: ProcessStamp): boolean {
  const current = currentProcessStamp();
  if (stamp.bootId !== current.bootId || stamp.pidNamespace !== current.pidNamespace) return false;
  if (stamp.startTicks !== 0) return readStartTicks(stamp.pid) === stamp.startTicks;
  try {
    return process.kill(stamp.pid, 0);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/** When a process began, as wall time in milliseconds; undefined where the system hides it. */
export function startTimeOf(stamp: ProcessStamp): number | undefined {
  const match = /^btime (\d+)$/m.exec(tryRead(() => readFileSync('/proc/stat', 'utf8')) ?? '');
  if (match === null || stamp.startTicks === 0) return undefined;
  return Number(match[1]) * 1000 + (stamp.startTicks * 1000) / TICKS_PER_SECOND;
}

/** Linux shows times to programs in this unit on every architecture. */
const TICKS_PER_SECOND = 100;

/** Where the start time stands in /proc/PID/stat, counted after the command's closing bracket. */
const START_TICKS_INDEX = 19;

function readStartTicks(pid: number): number | undefined {
  const stat = tryRead(() => readFileSync(`/proc/${pid}/stat`, 'utf8'));
  if (stat === undefined) return undefined;
  // The command may itself hold spaces and brackets, so count from its last bracket.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[START_TICKS_INDEX]);
}

function tryRead(read: () => string): string | undefined {
  try {
    return read();
  } catch {
    return undefined; // Not Linux, or the process is gone.
  }
}
