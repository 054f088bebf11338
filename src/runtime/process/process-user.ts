import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { CubeError } from '../../errors/cube-error.ts';

/** The user as whom tasks run, found on this machine. */
export interface ProcessUser {
  readonly name: string | undefined;
  readonly userId: number;
  readonly groupId: number;
}

/** A user's name, or numbers of a user and a group. */
export type ProcessUserOption = string | { readonly userId: number; readonly groupId: number };

/**
 * Finds the user in the machine's user database.
 *
 * @throws CubeError `configuration`, when there is none or Cube may not become it.
 */
export async function resolveProcessUser(option: ProcessUserOption): Promise<ProcessUser> {
  if (process.getuid?.() !== 0) {
    throw new CubeError('configuration', 'Only root can run processes as another user.', {
      hint: 'Run the worker as root, or leave out the user.',
    });
  }
  if (typeof option !== 'string') return { name: undefined, ...option };
  try {
    const [userId, groupId] = await Promise.all([readId('-u', option), readId('-g', option)]);
    return { name: option, userId, groupId };
  } catch (cause) {
    throw new CubeError('configuration', `There is no user ${option} on this machine.`, {
      cause,
      hint: `Create it (useradd --system ${option}) or name another one.`,
    });
  }
}

/** What is put before a command so that it runs as the user, with no way back. */
export function toChangeUser(user: ProcessUser | undefined): readonly string[] {
  if (user === undefined) return [];
  const groups = user.name === undefined ? '--clear-groups' : '--init-groups';
  return [
    'setpriv',
    ...[`--reuid=${user.userId}`, `--regid=${user.groupId}`, groups],
    ...['--no-new-privs', '--inh-caps=-all', '--bounding-set=-all'],
  ];
}

async function readId(flag: '-u' | '-g', name: string): Promise<number> {
  const { stdout } = await promisify(execFile)('id', [flag, '--', name], { timeout: 10_000 });
  return Number.parseInt(stdout, 10);
}
