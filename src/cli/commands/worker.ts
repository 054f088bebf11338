import type { Command } from 'commander';
import type { WorkerFlags, WorkerSettings } from '../../config/daemon-settings.ts';
import type { CliIo } from '../cli-io.ts';
import { type CommandContext, once } from '../command-context.ts';
import { addDaemonOptions, addMachineOptions, type DaemonCommandFlags } from '../daemon-options.ts';
import { explainAddress } from '../explain-address.ts';
import { countOf } from '../plain-text.ts';
import type { Daemon, DaemonHooks } from '../run-daemon.ts';
import type { RunningWorker } from '../start-worker.ts';

interface WorkerCommandFlags extends DaemonCommandFlags, WorkerFlags {
  readonly stopTasks?: boolean;
}

const HELP = `
With --manager the worker joins by itself; without it a manager that has it in its --workers calls
it, or it is used alone, over HTTP. Runs until Ctrl-C or SIGTERM, and then leaves tasks running.

Examples:
  cube worker --manager http://10.0.0.9:5555 --token-file cube.token --host 0.0.0.0
  cube worker --manager 127.0.0.1:5555 --name gpu-1 --label zone=eu --cpu 4 --memory 8GiB`;

/** `cube worker`: a worker alone. */
export function defineWorker(program: Command, context: CommandContext): void {
  const command = program
    .command('worker')
    .description('start a worker')
    .addOption(once('-m, --manager <address>', 'the manager to join'))
    .addOption(once('--name <name>', 'the name of the node (default: the host name)'))
    .addOption(
      once('--advertise <url>', 'where the manager reaches it (default: where it listens)'),
    )
    .option('--stop-tasks', 'stop the tasks too when it ends');
  addDaemonOptions(command, 'worker', 5556);
  addMachineOptions(command).addHelpText('after', HELP);
  command.action(async (flags: WorkerCommandFlags) => {
    const { io } = context;
    const { resolveWorkerSettings } = await import('../../config/daemon-settings.ts');
    const settings = await resolveWorkerSettings(flags, io.environment, await hostName());
    const { runDaemon } = await import('../run-daemon.ts');
    await runDaemon(io, (hooks) => start(io, { flags, settings, hooks }));
  });
}

/** The name of this machine, as far as it makes the name of a node. */
async function hostName(): Promise<string> {
  const { hostname } = await import('node:os');
  const name = hostname()
    .replace(/[^A-Za-z0-9_.-]/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, 63);
  return name === '' ? 'worker' : name;
}

interface StartRequest {
  readonly flags: WorkerCommandFlags;
  readonly settings: WorkerSettings;
  readonly hooks: DaemonHooks;
}

async function start(io: CliIo, { flags, settings, hooks }: StartRequest): Promise<Daemon> {
  const { createDaemonLogger } = await import('../daemon-logger.ts');
  const { prepareDataDirectory } = await import('../data-directory.ts');
  const { startWorker } = await import('../start-worker.ts');
  const logger = await createDaemonLogger(io, flags.logLevel);
  await prepareDataDirectory(settings.dataDir);
  const { environment } = io;
  const worker = await startWorker(settings, { logger, ...hooks, environment }).catch(
    async (error: unknown) => {
      throw await explainAddress(io, { ...settings, flag: '--port' }, error);
    },
  );
  return {
    logger,
    greeting: await describe({ flags, settings, worker }),
    async stop() {
      const stopTasks = flags.stopTasks === true;
      const count = worker.taskCount();
      await worker.stop({ stopTasks });
      if (count === 0) return 'The worker has stopped. No task was running here.\n';
      const tasks = countOf(count, 'task');
      return stopTasks
        ? `The worker has stopped, and ${tasks} with it.\n`
        : `The worker has stopped and left ${tasks} running; the next start finds what runs.\n`;
    },
  };
}

async function describe({
  flags,
  settings,
  worker,
}: Omit<StartRequest, 'hooks'> & { readonly worker: RunningWorker }): Promise<string> {
  const { dataDir, store, managerUrl } = settings;
  const facts = worker.facts();
  if (flags.json === true) {
    return `${JSON.stringify({ url: worker.url, dataDir, store, manager: managerUrl, facts })}\n`;
  }
  const words = await import('../greeting.ts');
  return words.formatGreeting(`The worker ${facts.name} of Cube ${facts.version} is up.`, [
    ['Worker', words.describeReach(worker.url, settings)],
    ['Reached at', facts.address],
    ['Manager', managerUrl ?? 'none to join: it waits to be called'],
    ['Data', dataDir],
    ['Store', words.describeStore(settings)],
    ['Machine', words.describeWorker(facts)],
    ['Runtimes', ...words.describeRuntimes(facts)],
  ]);
}
