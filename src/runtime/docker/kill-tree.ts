import { readdir, readFile } from 'node:fs/promises';
import { readAllProcesses } from '../process-identity.ts';

/** So many processes of one command are looked for. */
const PROCESS_COUNT_MAX = 1000;

/**
 * Kills a process and all that descend from it or are of its session, as far as they belong to the
 * container: what its number may have passed to meanwhile is never touched. A command leads a
 * session of its own, by which those are found whose parent is gone already. Where the engine runs
 * on another machine, or in a virtual one, no process fits and nothing is done.
 *
 * @returns how many were killed.
 */
export async function killTree(pid: number, containerId: string): Promise<number> {
  if (pid <= 1) return 0;
  const tree = new Set<number>();
  const members = (await readAllProcesses()).filter(({ sessionId }) => sessionId === pid);
  const pending = [pid, ...members.map((one) => one.pid)];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (tree.size >= PROCESS_COUNT_MAX) break;
    if (next <= 1 || tree.has(next) || !(await isInContainer(next, containerId))) continue;
    tree.add(next);
    pending.push(...(await childrenOf(next)));
  }
  let killedCount = 0;
  for (const one of tree) {
    try {
      process.kill(one, 'SIGKILL');
      killedCount += 1;
    } catch {
      // It has ended, or this user may not end it.
    }
  }
  return killedCount;
}

async function isInContainer(pid: number, containerId: string): Promise<boolean> {
  return (await read(`/proc/${pid}/cgroup`)).includes(containerId);
}

async function childrenOf(pid: number): Promise<number[]> {
  const threads = await readdir(`/proc/${pid}/task`).catch(() => []);
  const lists = await Promise.all(
    threads.map((thread) => read(`/proc/${pid}/task/${thread}/children`)),
  );
  return lists.flatMap((list) => list.split(' ').filter(Boolean).map(Number));
}

/** Empty for what is gone or not for us to read. */
function read(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '');
}
