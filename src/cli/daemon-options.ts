import type { Command } from 'commander';
import { once, repeated } from './command-context.ts';

/** The flags of every command that starts a manager, a worker or both. */
export interface DaemonCommandFlags {
  readonly logLevel?: string;
  readonly json?: boolean;
}

export function addDaemonOptions(command: Command, role: string, port: number): Command {
  return command
    .addOption(
      once('--data-dir <dir>', 'where the data is kept (default: CUBE_DATA_DIR or ~/.cube)'),
    )
    .addOption(once('--host <host>', `where the ${role} listens (default: 127.0.0.1)`))
    .addOption(once('--port <port>', `the port of the ${role} (default: ${port})`))
    .addOption(
      once('--token-file <file>', 'a file, readable by you alone, with the token (or CUBE_TOKEN)'),
    )
    .addOption(repeated('--allow-name <name>', 'another host name by which clients may call'))
    .addOption(once('--store <kind>', 'persistent (default) or memory'))
    .option('--allow-remote-process', 'take process tasks from other machines too')
    .addOption(once('--log-level <level>', 'debug, info, warn, error or silent'))
    .option('--json', 'write the greeting as JSON');
}

export function addManagerPolicyOptions(command: Command): Command {
  return command
    .addOption(once('--scheduler <name>', 'epvm (default), greedy or roundrobin'))
    .addOption(
      once('--node-timeout <duration>', 'a node silent for this long is down (default: 15s)'),
    );
}

export function addMachineOptions(command: Command): Command {
  return command
    .addOption(once('--cpu <cores>', 'cores that tasks may reserve (default: measured)'))
    .addOption(once('--memory <size>', 'memory that tasks may reserve (default: measured)'))
    .addOption(once('--disk <size>', 'disk that tasks may reserve (default: measured)'))
    .addOption(repeated('--label <key=value>', 'a label of the node, for constraints'))
    .addOption(repeated('--allow-bind <dir>', 'a directory below which tasks may bind'))
    .addOption(
      once('--process-user <user>', 'as whom plain processes run (default: as Cube itself)'),
    )
    .addOption(
      once(
        '--process-work-dir <dir>',
        'where processes of that user work (default: /var/lib/cube-work)',
      ),
    );
}
