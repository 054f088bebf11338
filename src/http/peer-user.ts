import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { CubeError } from '../errors/cube-error.ts';

/** Of a connection that is open, in the kernel's table. */
const ESTABLISHED = '01';

/**
 * Sees to it that whoever asks from this machine is the user of this program, or root. Without a
 * token every user of the machine may call; what only the owner of the data may read takes more.
 * Where the system does not tell whose a connection is, as elsewhere than on Linux, it passes.
 *
 * @throws CubeError `forbidden`
 */
export async function assertSameUser(
  socket: Pick<Socket, 'localPort' | 'remotePort'>,
  readTable: (name: string) => Promise<string | undefined> = readKernelTable,
): Promise<void> {
  const user = process.getuid?.();
  const tables = await Promise.all(['tcp', 'tcp6'].map(readTable));
  const known = tables.filter((table) => table !== undefined);
  if (user === undefined || known.length === 0) return;
  const users = known.flatMap((table) => usersOf(table, socket));
  // Another address of loopback may have the same ports: then all of them must be allowed.
  if (users.length > 0 && users.every((one) => one === user || one === 0)) return;
  throw new CubeError(
    'forbidden',
    'Without a token, only the user that runs the manager is given a copy of its data.',
    { hint: 'Run this as that user, or start the manager with --token-file.' },
  );
}

/** The users of the other ends of a connection within this machine. */
function usersOf(table: string, socket: Pick<Socket, 'localPort' | 'remotePort'>): number[] {
  const [from, to] = [toHex(socket.remotePort), toHex(socket.localPort)];
  return table
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local = '', remote = '', state]) => {
      return local.endsWith(`:${from}`) && remote.endsWith(`:${to}`) && state === ESTABLISHED;
    })
    .map((fields) => Number(fields[7]));
}

function toHex(port: number | undefined): string {
  return (port ?? 0).toString(16).toUpperCase().padStart(4, '0');
}

async function readKernelTable(name: string): Promise<string | undefined> {
  try {
    return await readFile(`/proc/self/net/${name}`, 'latin1');
  } catch {
    // A machine without IPv6 has no table of it, and other systems have none at all.
    return undefined;
  }
}
