import { readdir, readFile } from 'node:fs/promises';
import { type Clock, sleep } from '../../lib/clock.ts';
import type { InstanceKey } from '../runtime.ts';
import { hasErrorCode } from './durable-file.ts';

/** The variables by which every process of an instance can be told, unless it drops them. */
export function toMark(key: InstanceKey): { CUBE_TASK_ID: string; CUBE_ATTEMPT: string } {
  return { CUBE_TASK_ID: key.taskId, CUBE_ATTEMPT: `${key.attempt}` };
}

/**
 * The pids of all processes that bear the instance's mark in the environment they were started
 * with: its program and what that started, sessions of their own included.
 */
async function findMarkedProcesses(key: InstanceKey): Promise<readonly number[]> {
  const wanted = Object.entries(toMark(key)).map(([name, value]) => `\0${name}=${value}\0`);
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid) => {
      const environment = `\0${await readEnvironment(pid)}\0`;
      return wanted.every((part) => environment.includes(part)) ? [Number(pid)] : [];
    }),
  );
  return found.flat();
}

/** The kernel shows no environment of a process that is just executing a program. */
const EMPTY_SCAN_COUNT = 3;

/** Kills all processes that bear the mark until there is none, at most for `timeoutMs`. */
export async function killMarkedProcesses(
  key: InstanceKey,
  options: { readonly clock: Clock; readonly timeoutMs: number },
): Promise<void> {
  const { clock, timeoutMs } = options;
  const deadline = clock.monotonic() + timeoutMs;
  for (let emptyCount = 0; emptyCount < EMPTY_SCAN_COUNT; ) {
    const pids = await findMarkedProcesses(key);
    emptyCount = pids.length === 0 ? emptyCount + 1 : 0;
    if (clock.monotonic() > deadline) return;
    for (const pid of pids) sendSignal(pid, 'SIGKILL');
    await sleep(clock, 2);
  }
}

/** Sends a signal to a process, or to a group by its negative id; false where there is none. */
export function sendSignal(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch (error) {
    if (hasErrorCode(error, 'ESRCH')) return false;
    throw error;
  }
}

async function readEnvironment(pid: string): Promise<string> {
  try {
    // A zombie has none, so it is never found.
    return await readFile(`/proc/${pid}/environ`, 'latin1');
  } catch {
    // It ended meanwhile, or is another user's.
    return '';
  }
}
