import { type Clock, sleep } from '../../lib/clock.ts';
import { readAllProcesses } from '../process-identity.ts';
import { sendSignal } from './marked-processes.ts';

/** What is killed may start others between two looks; after so many it is left to the task's end. */
const LOOK_COUNT_MAX = 50;

/**
 * Kills every process of a session, whatever groups its shell has put them in. Its number cannot
 * have been given to others: as long as a member lives it is taken.
 */
export async function killSession(sessionId: number, clock: Clock): Promise<void> {
  if (sessionId <= 1) return;
  for (let count = 0; count < LOOK_COUNT_MAX; count += 1) {
    const members = (await readAllProcesses()).filter(
      (one) => one.sessionId === sessionId && one.state !== 'Z' && one.state !== 'X',
    );
    if (members.length === 0) return;
    for (const { pid } of members) sendSignal(pid, 'SIGKILL');
    await sleep(clock, 2);
  }
}
