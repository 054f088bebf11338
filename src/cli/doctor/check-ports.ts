import { DEFAULT_HOST, MANAGER_PORT, WORKER_PORT } from '../../config/manager-address.ts';
import { findPortHolder } from '../../runtime/port-holder.ts';
import type { CliIo } from '../cli-io.ts';
import { type Finding, ok, warn } from './finding.ts';

/** Long enough for a Cube on this machine, in milliseconds. */
const ANSWER_MS = 2000;

/** Whether the ports that Cube takes by default are free, or who has them. */
export async function checkPorts(io: CliIo): Promise<readonly Finding[]> {
  const ports = [
    { port: MANAGER_PORT, role: 'manager' },
    { port: WORKER_PORT, role: 'worker' },
  ];
  return await Promise.all(ports.map(({ port, role }) => checkPort(io, port, role)));
}

/** One port, which such a program takes by default. */
export async function checkPort(io: CliIo, port: number, role: string): Promise<Finding> {
  const check = `port ${port}`;
  const wanted = { container: port, host: port, protocol: 'tcp', address: DEFAULT_HOST } as const;
  const holder = await findPortHolder(wanted);
  if (holder === undefined) return ok(check, `free for a ${role}`);
  const program = holder.program ?? 'a program of another user';
  if (await isCube(io, port)) return ok(check, `held by Cube (${program})`);
  return warn(
    check,
    `held by ${program}, which is no Cube, and a ${role} listens there by default`,
    `Give the ${role} another with --port.`,
  );
}

async function isCube(io: CliIo, port: number): Promise<boolean> {
  const abort = new AbortController();
  const timer = io.clock.setTimer(ANSWER_MS, () => abort.abort());
  try {
    const response = await io.fetch(`http://${DEFAULT_HOST}:${port}/healthz`, {
      signal: abort.signal,
      redirect: 'manual',
    });
    const health: unknown = await response.json();
    return typeof health === 'object' && health !== null && 'healthy' in health;
  } catch {
    return false;
  } finally {
    timer.cancel();
  }
}
