import { readFile } from 'node:fs/promises';
import { readAllProcesses, TICKS_PER_SECOND } from '../process-identity.ts';
import type { InstanceKey, InstanceUsage } from '../runtime.ts';
import { readControlGroupUsage } from './control-group.ts';
import type { ObservedInstance } from './process-instance.ts';

interface Sample {
  readonly cpuMs: number;
  readonly atMs: number;
}

export type RunningInstance = ObservedInstance & { readonly phase: 'running' };

/** Measures running instances and remembers the last measure of each, to tell cores from time. */
export class ProcessUsageMeter {
  readonly #last = new Map<string, Sample>();

  /** Forgets the measures of everything that is not among `running`. */
  async measure(
    running: ReadonlyMap<string, RunningInstance>,
    nowMs: number,
  ): Promise<readonly InstanceUsage[]> {
    const isCounted = [...running.values()].every(({ record }) => record.groups.length > 0);
    const sessions = isCounted ? new Map<number, Total>() : await totalBySession();
    const uptimeMs = await readUptimeMs();
    const usages: InstanceUsage[] = [];
    for (const [name, instance] of running) {
      const { record, living } = instance;
      if (living === undefined) continue;
      const groups = await readControlGroupUsage(record.groups);
      const session = sessions.get(living.sessionId);
      const cpuMs = groups.cpuMs ?? session?.cpuMs ?? 0;
      const memory = groups.memoryBytes ?? session?.memoryBytes ?? 0;
      const startedMs = (Number(living.startTicks) * 1000) / TICKS_PER_SECOND;
      const before = this.#last.get(name) ?? { cpuMs: 0, atMs: nowMs - (uptimeMs - startedMs) };
      const elapsedMs = nowMs - before.atMs;
      const cpu = elapsedMs > 0 ? Math.max(0, cpuMs - before.cpuMs) / elapsedMs : 0;
      this.#last.set(name, { cpuMs, atMs: nowMs });
      const key: InstanceKey = { taskId: record.taskId, attempt: record.attempt };
      usages.push({ ...key, cpu, memory });
    }
    for (const name of this.#last.keys()) if (!running.has(name)) this.#last.delete(name);
    return usages;
  }
}

interface Total {
  cpuMs: number;
  memoryBytes: number;
}

/** Without control groups: the sum over the processes of each session. */
async function totalBySession(): Promise<Map<number, Total>> {
  const totals = new Map<number, Total>();
  for (const { pid, sessionId, cpuTicks } of await readAllProcesses()) {
    const total = totals.get(sessionId) ?? { cpuMs: 0, memoryBytes: 0 };
    total.cpuMs += (cpuTicks * 1000) / TICKS_PER_SECOND;
    total.memoryBytes += await readResidentBytes(pid);
    totals.set(sessionId, total);
  }
  return totals;
}

async function readResidentBytes(pid: number): Promise<number> {
  try {
    const match = /^VmRSS:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, 'latin1'));
    return Number(match?.[1] ?? 0) * 1024;
  } catch {
    // It ended meanwhile.
    return 0;
  }
}

async function readUptimeMs(): Promise<number> {
  return Number.parseFloat(await readFile('/proc/uptime', 'latin1')) * 1000;
}
