import { DEFAULT_HOST, MANAGER_PORT, WORKER_PORT } from '../../config/manager-address.ts';
import { findPortHolder } from '../../runtime/port-holder.ts';
import type { CliIo } from '../cli-io.ts';
import { isCube } from '../is-cube.ts';
import { type Finding, ok, warn } from './finding.ts';

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
  if (await isCube(io, `http://${DEFAULT_HOST}:${port}`))
    return ok(check, `held by Cube (${program})`);
  return warn(
    check,
    `held by ${program}, which is no Cube, and a ${role} listens there by default`,
    `Give the ${role} another with --port.`,
  );
}
