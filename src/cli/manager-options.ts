import type { Command } from 'commander';
import type { CubeClient } from '../client/cube-client.ts';
import { resolveManagerUrl } from '../config/manager-address.ts';
import { findToken } from '../config/token.ts';
import type { CliIo } from './cli-io.ts';
import { once } from './command-context.ts';
import { toPlainJson } from './plain-text.ts';

/** The flags of every command that speaks to a manager. */
export interface ManagerFlags {
  readonly manager?: string;
  readonly tokenFile?: string;
  readonly json?: boolean;
}

export function addManagerOptions(command: Command): Command {
  return addManagerAddress(command).option('--json', 'write JSON for programs');
}

/** As `addManagerOptions`, for what has no output of its own. */
export function addManagerAddress(command: Command): Command {
  return command
    .addOption(
      once(
        '-m, --manager <address>',
        'the manager (default: CUBE_MANAGER_HOST and CUBE_MANAGER_PORT, or http://127.0.0.1:5555)',
      ),
    )
    .addOption(
      once('--token-file <file>', 'a file, readable by you alone, with the token (or CUBE_TOKEN)'),
    );
}

/** The manager that flags and variables name. */
export async function findManager(
  io: CliIo,
  flags: ManagerFlags,
): Promise<{ readonly url: string; readonly token: string | undefined }> {
  const url = resolveManagerUrl(flags.manager, io.environment);
  return { url, token: await findToken(flags.tokenFile, io.environment) };
}

/** A client for the manager that flags and variables name. */
export async function connect(
  io: CliIo,
  flags: ManagerFlags,
  options: { readonly timeoutMs?: number } = {},
): Promise<CubeClient> {
  const { url, token } = await findManager(io, flags);
  const { createCubeClient } = await import('../client/cube-client.ts');
  return createCubeClient({ url, token, fetch: io.fetch, clock: io.clock, ...options });
}

/** A value as a program reads it: indented, one document. */
export function toJson(value: unknown): string {
  return `${toPlainJson(JSON.stringify(value, null, 2))}\n`;
}
