import { readFile, statfs } from 'node:fs/promises';
import { availableParallelism, cpus, freemem, loadavg, totalmem } from 'node:os';
import type { Resources } from '../node/node.ts';

/** Measured use of the whole machine. */
interface MachineSample {
  /** Cores in use on average since the sample before; bytes in use. */
  readonly used: Resources;
  /** Load average over one minute. */
  readonly load: number;
}

/** What the worker needs to know of the machine. */
export interface MachineStats {
  /** @throws Error when the machine's figures cannot be read. */
  sample(): Promise<MachineSample>;
}

interface CpuTimes {
  readonly busy: number;
  readonly total: number;
}

/**
 * The figures of this machine. `directory` is on the file system whose use is told, normally the
 * data directory. Of the first sample, cores in use are the load average.
 */
export function createMachineStats(directory: string): MachineStats {
  let before: CpuTimes | undefined;
  return {
    async sample() {
      const [memory, disk] = await Promise.all([usedMemory(), statfs(directory)]);
      const load = loadavg()[0] ?? 0;
      const times = cpuTimes();
      const cores = availableParallelism();
      const total = before === undefined ? 0 : times.total - before.total;
      const busy = before === undefined ? 0 : times.busy - before.busy;
      before = times;
      const cpu = total > 0 ? (busy / total) * cores : Math.min(load, cores);
      return {
        used: {
          cpu: Math.min(cores, Math.max(0, cpu)),
          memory,
          disk: (disk.blocks - disk.bavail) * disk.bsize,
        },
        load,
      };
    },
  };
}

/** All that the machine has, for a worker whose owner sets no capacity. */
export async function machineCapacity(directory: string): Promise<Resources> {
  const disk = await statfs(directory);
  const constrained = process.constrainedMemory();
  const memory = constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
  return { cpu: availableParallelism(), memory, disk: disk.blocks * disk.bsize };
}

function cpuTimes(): CpuTimes {
  let busy = 0;
  let idle = 0;
  for (const { times } of cpus()) {
    busy += times.user + times.nice + times.sys + times.irq;
    idle += times.idle;
  }
  return { busy, total: busy + idle };
}

/** Memory that could not be had without swapping, where the machine tells it. */
async function usedMemory(): Promise<number> {
  const text = await readFile('/proc/meminfo', 'utf8').catch(() => '');
  const total = /^MemTotal:\s+(\d+) kB/m.exec(text)?.[1];
  const available = /^MemAvailable:\s+(\d+) kB/m.exec(text)?.[1];
  if (total === undefined || available === undefined) return totalmem() - freemem();
  return (Number(total) - Number(available)) * 1024;
}
