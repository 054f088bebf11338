import type { Command } from 'commander';
import type { ManagerFlags, ManagerSettings } from '../../config/daemon-settings.ts';
import type { CliIo } from '../cli-io.ts';
import { type CommandContext, once } from '../command-context.ts';
import {
  addDaemonOptions,
  addManagerPolicyOptions,
  type DaemonCommandFlags,
} from '../daemon-options.ts';
import { explainAddress } from '../explain-address.ts';
import { countOf } from '../plain-text.ts';
import type { Daemon, DaemonHooks } from '../run-daemon.ts';

interface ManagerCommandFlags extends DaemonCommandFlags, ManagerFlags {
  readonly workers?: string;
}

const HELP = `
Workers join by themselves ("cube worker --manager URL"); --workers names those that do not, as in
the book. Runs until Ctrl-C or SIGTERM. Tasks run on without it, and the next start goes on where
this one ended.

Examples:
  cube manager
  cube manager --workers 10.0.0.1:5556,10.0.0.2:5556
  cube manager --host 0.0.0.0 --token-file cube.token`;

/** `cube manager`: a manager alone. */
export function defineManager(program: Command, context: CommandContext): void {
  const command = program
    .command('manager')
    .description('start a manager')
    .addOption(once('--workers <addresses>', 'workers to call, as host:port,host:port'));
  addDaemonOptions(command, 'manager', 5555);
  addManagerPolicyOptions(command).addHelpText('after', HELP);
  command.action(async (flags: ManagerCommandFlags) => {
    const { io } = context;
    const { resolveManagerSettings } = await import('../../config/daemon-settings.ts');
    const settings = await resolveManagerSettings(flags, io.environment);
    const { runDaemon } = await import('../run-daemon.ts');
    await runDaemon(io, (hooks) => start(io, { flags, settings, hooks }));
  });
}

interface StartRequest {
  readonly flags: ManagerCommandFlags;
  readonly settings: ManagerSettings;
  readonly hooks: DaemonHooks;
}

async function start(io: CliIo, { flags, settings, hooks }: StartRequest): Promise<Daemon> {
  const { createDaemonLogger } = await import('../daemon-logger.ts');
  const { prepareDataDirectory } = await import('../data-directory.ts');
  const { startManager } = await import('../start-manager.ts');
  const logger = await createDaemonLogger(io, flags.logLevel);
  await prepareDataDirectory(settings.dataDir);
  const manager = await startManager(settings, { logger, ...hooks }).catch(
    async (error: unknown) => {
      throw await explainAddress(io, { ...settings, flag: '--port' }, error);
    },
  );
  return {
    logger,
    greeting: await describe(io, { flags, settings, manager }),
    async stop() {
      await manager.stop();
      return 'The manager has stopped; tasks run on, and the next start goes on from here.\n';
    },
  };
}

async function describe(
  io: CliIo,
  {
    flags,
    settings,
    manager,
  }: Omit<StartRequest, 'hooks'> & {
    readonly manager: Awaited<ReturnType<typeof import('../start-manager.ts').startManager>>;
  },
): Promise<string> {
  const { dataDir, store, scheduler, workerAddresses } = settings;
  const { version, cluster, taskCounts, nodeCount } = manager.service.status();
  if (flags.json === true) {
    const { url } = manager;
    return `${JSON.stringify({ version, cluster, url, dataDir, store, scheduler, workerAddresses })}\n`;
  }
  const words = await import('../greeting.ts');
  const taskCount = Object.values(taskCounts).reduce((sum, count) => sum + count, 0);
  const greeting = words.formatGreeting(`The manager of Cube ${version} is up.`, [
    ['Manager', words.describeReach(manager.url, settings)],
    ...words.describeDashboard(manager.dashboardUrl),
    ['Data', dataDir],
    ['Store', words.describeStore(settings)],
    ['Scheduler', scheduler],
    ['Workers', ...(workerAddresses.length > 0 ? workerAddresses : ['those that join'])],
    ['Known', `${countOf(nodeCount, 'node')}, ${countOf(taskCount, 'task')}`],
  ]);
  return `${greeting}\nA worker joins with:\n  ${words.joinCommand(io.environment, settings, manager)}\n`;
}
