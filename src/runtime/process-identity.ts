import { readdir, readFile } from 'node:fs/promises';

/**
 * What tells one process from every other that ever had its pid: on one boot of the machine no
 * two processes share both pid and start time.
 */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks from boot to its start, as the kernel gives it. */
  readonly startTicks: string;
}

/** One process as `/proc/PID/stat` shows it. */
export interface ProcessStat extends ProcessIdentity {
  /** R, S, D, T, Z, X, … */
  readonly state: string;
  readonly groupId: number;
  readonly sessionId: number;
  /** Processor time used, its own and the kernel's for it, in clock ticks. */
  readonly cpuTicks: number;
}

/** Clock ticks per second in everything that Linux shows to programs, on every architecture. */
export const TICKS_PER_SECOND = 100;

/**
 * Reads one line of `/proc/PID/stat`. The program's name in it may hold anything, blanks and
 * parentheses too, so fields are counted after the last parenthesis.
 *
 * @returns undefined when the text is incomplete or no such line.
 */
export function parseProcessStat(text: string): ProcessStat | undefined {
  const nameEnd = text.lastIndexOf(')');
  const pid = Number.parseInt(text, 10);
  if (nameEnd === -1 || !Number.isSafeInteger(pid) || pid <= 0) return undefined;
  // The first field after the name is number 3 of the manual page, so 22 has index 19 here.
  const fields = text
    .slice(nameEnd + 2)
    .trim()
    .split(' ');
  const [state, , groupId, sessionId] = fields;
  const startTicks = fields[19];
  if (state === undefined || startTicks === undefined || !/^\d+$/.test(startTicks)) {
    return undefined;
  }
  return {
    pid,
    startTicks,
    state,
    groupId: Number(groupId),
    sessionId: Number(sessionId),
    cpuTicks: Number(fields[11]) + Number(fields[12]),
  };
}

/** The process with this pid now; undefined where there is none. */
async function readProcessStat(pid: number): Promise<ProcessStat | undefined> {
  try {
    return parseProcessStat(await readFile(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    // ENOENT and ESRCH: it has ended. Anything else cannot be told from that either.
    return undefined;
  }
}

/**
 * The very process that was recorded, if it still lives. A zombie does not live, nor does another
 * process that was given the same pid later.
 */
export async function findLiving(
  identity: ProcessIdentity | undefined,
): Promise<ProcessStat | undefined> {
  if (identity === undefined) return undefined;
  const stat = await readProcessStat(identity.pid);
  if (stat === undefined || stat.startTicks !== identity.startTicks) return undefined;
  return stat.state === 'Z' || stat.state === 'X' ? undefined : stat;
}

/** Every process of this machine, as far as it may be seen. */
export async function readAllProcesses(): Promise<readonly ProcessStat[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const stats = await Promise.all(pids.map(readProcessStat));
  return stats.filter((one) => one !== undefined);
}

/** A name of this boot of the machine; pids and start times of another boot mean nothing. */
export async function readBootId(): Promise<string> {
  return (await readFile('/proc/sys/kernel/random/boot_id', 'latin1')).trim();
}

/** When this machine was booted, in milliseconds of the wall clock. */
export async function readBootTimeMs(): Promise<number | undefined> {
  const match = /^btime (\d+)$/m.exec(await readFile('/proc/stat', 'latin1'));
  return match?.[1] === undefined ? undefined : Number(match[1]) * 1000;
}
