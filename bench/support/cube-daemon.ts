import { readFileSync } from 'node:fs';
import { CubeProcess, freePorts } from '../../tests/support/cube-process.ts';

export interface CubeDaemon extends AsyncDisposable {
  readonly process: CubeProcess;
  readonly port: number;
  /** From the call until it served, in milliseconds. */
  readonly readyMs: number;
}

/** A `cube` command that serves, such as `manager`, on a free port. */
export async function startCubeDaemon(
  command: 'manager' | 'worker' | 'up',
  directory: string,
  flags: readonly string[] = [],
  environment: Readonly<Record<string, string>> = {},
): Promise<CubeDaemon> {
  const [port = 0, workerPort = 0] = await freePorts(2);
  const ports =
    command === 'up'
      ? ['--port', `${port}`, '--worker-port', `${workerPort}`]
      : ['--port', `${port}`];
  const cube = new CubeProcess([command, '--data-dir', directory, ...ports, ...flags], {
    ...environment,
  });
  const startedAt = performance.now();
  cube.start();
  await untilServing(cube, port);
  const readyMs = performance.now() - startedAt;
  return { process: cube, port, readyMs, [Symbol.asyncDispose]: () => cube[Symbol.asyncDispose]() };
}

async function untilServing(cube: CubeProcess, port: number): Promise<void> {
  const look = async (): Promise<boolean> => {
    if (!cube.isRunning) throw new Error(`cube has ended: ${cube.output}`);
    return fetch(`http://127.0.0.1:${port}/healthz`).then(
      async (reply) => {
        await reply.arrayBuffer();
        return reply.ok;
      },
      () => false,
    );
  };
  // Asked often: what is measured is no more exact than this.
  const deadline = performance.now() + 600_000;
  while (!(await look())) {
    if (performance.now() > deadline) throw new Error(`cube does not serve: ${cube.output}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** What the process has in memory now, in MB. */
export function residentMb(pid: number): number {
  return statusMb(pid, 'VmRSS');
}

/** The most that it ever had, in MB. */
export function peakMb(pid: number): number {
  return statusMb(pid, 'VmHWM');
}

function statusMb(pid: number, field: string): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const kilobytes = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1];
  if (kilobytes === undefined) throw new Error(`Process ${pid} has no ${field}.`);
  return (Number(kilobytes) * 1024) / 1e6;
}

/** Clock ticks of /proc a second, on every Linux that Node runs on. */
const TICKS = 100;

/** Time on a core that the process has used so far, in seconds. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}
