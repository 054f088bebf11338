import type { Command } from 'commander';
import type { ManagerFlags, UpSettings, WorkerFlags } from '../../config/daemon-settings.ts';
import type { CliIo } from '../cli-io.ts';
import { type CommandContext, once } from '../command-context.ts';
import {
  addDaemonOptions,
  addMachineOptions,
  addManagerPolicyOptions,
  type DaemonCommandFlags,
} from '../daemon-options.ts';
import { explainAddress, type ListeningAddress } from '../explain-address.ts';
import { countOf } from '../plain-text.ts';
import type { Daemon, DaemonHooks } from '../run-daemon.ts';
import type { RunningManager } from '../start-manager.ts';
import type { RunningWorker } from '../start-worker.ts';

interface UpFlags extends DaemonCommandFlags, ManagerFlags, WorkerFlags {
  readonly workers?: string;
  readonly workerPort?: string;
  readonly stopTasks?: boolean;
}

const HELP = `
Runs until Ctrl-C or SIGTERM, and then leaves tasks running: the next "cube up" finds them again.
A second Ctrl-C ends it at once. With --stop-tasks the tasks are stopped too; those whose restart
policy says so run again with the next start.

Flags go before variables (CUBE_MANAGER_HOST, CUBE_MANAGER_PORT, CUBE_WORKER_HOST,
CUBE_WORKER_PORT, CUBE_DATA_DIR, CUBE_TOKEN, CUBE_LOG_LEVEL, DOCKER_HOST), and those before
defaults. Listening beyond this machine (--host) needs a token.

Examples:
  cube up
  cube up --workers 3 --data-dir /var/lib/cube
  cube up --host 0.0.0.0 --token-file cube.token`;

/** `cube up`: a manager and its workers on this machine, in the foreground. */
export function defineUp(program: Command, context: CommandContext): void {
  const command = program
    .command('up')
    .description('start a manager and a worker on this machine')
    .addOption(once('--workers <number>', 'how many workers share the machine (default: 1)'))
    .addOption(once('--worker-port <port>', 'the port of the first worker (default: 5556)'))
    .option('--stop-tasks', 'stop the tasks too when it ends');
  addDaemonOptions(command, 'manager', 5555);
  addManagerPolicyOptions(command);
  addMachineOptions(command).addHelpText('after', HELP);
  command.action(async (flags: UpFlags) => {
    const { io } = context;
    const { resolveUpSettings } = await import('../../config/daemon-settings.ts');
    const settings = await resolveUpSettings(flags, io.environment);
    const { runDaemon } = await import('../run-daemon.ts');
    await runDaemon(io, (hooks) => startUp(io, { flags, settings, hooks }));
  });
}

interface UpRequest {
  readonly flags: UpFlags;
  readonly settings: UpSettings;
  readonly hooks: DaemonHooks;
}

async function startUp(io: CliIo, { flags, settings, hooks }: UpRequest): Promise<Daemon> {
  const { createDaemonLogger } = await import('../daemon-logger.ts');
  const { prepareDataDirectory } = await import('../data-directory.ts');
  const { startManager } = await import('../start-manager.ts');
  const { startWorker } = await import('../start-worker.ts');
  const logger = await createDaemonLogger(io, flags.logLevel);
  await prepareDataDirectory(settings.manager.dataDir);
  await using parts = new AsyncDisposableStack();
  const workerPorts = settings.workers.map(({ port }) => port);
  const explain = async (address: ListeningAddress, error: unknown): Promise<never> => {
    throw await explainAddress(io, address, error);
  };
  const manager = await startManager(settings.manager, {
    logger,
    ...hooks,
    ownPorts: workerPorts,
  }).catch((error: unknown) => explain({ ...settings.manager, flag: '--port' }, error));
  parts.defer(() => manager.stop());
  const workers: RunningWorker[] = [];
  for (const workerSettings of settings.workers) {
    await prepareDataDirectory(workerSettings.dataDir);
    const worker = await startWorker(
      { ...workerSettings, managerUrl: manager.url },
      {
        logger,
        ...hooks,
        environment: io.environment,
        ownPorts: [manager.port, ...workerPorts],
        shareCount: settings.workers.length,
      },
    ).catch((error: unknown) => explain({ ...workerSettings, flag: '--worker-port' }, error));
    parts.defer(() => worker.stop({ stopTasks: false }));
    workers.push(worker);
  }
  const running = parts.move();
  const up = { settings, manager, workers };
  return {
    greeting: flags.json === true ? describeAsJson(up) : await describeUp(io, up, flags),
    async stop() {
      const stopTasks = flags.stopTasks === true;
      const { running: runningCount } = manager.service.status().taskCounts;
      // The manager stays until it has heard how the tasks ended.
      if (stopTasks) await Promise.all(workers.map((worker) => worker.stop({ stopTasks })));
      else await manager.stop();
      await running.disposeAsync();
      return describeFarewell(runningCount, stopTasks);
    },
  };
}

interface Up {
  readonly settings: UpSettings;
  readonly manager: RunningManager;
  readonly workers: readonly RunningWorker[];
}

async function describeUp(io: CliIo, up: Up, flags: UpFlags): Promise<string> {
  const words = await import('../greeting.ts');
  const { manager: settings } = up.settings;
  const { version, taskCounts } = up.manager.service.status();
  const facts = up.workers.map((worker) => worker.facts());
  const taskCount = Object.values(taskCounts).reduce((sum, count) => sum + count, 0);
  const [first] = facts;
  const cube = words.commandName(io.environment);
  const greeting = words.formatGreeting(`Cube ${version} is up.`, [
    ['Manager', words.describeReach(up.manager.url, settings)],
    ['Process', `${process.pid}`],
    ['Data', settings.dataDir],
    ['Store', words.describeStore(settings)],
    ['Scheduler', settings.scheduler],
    ['Workers', ...facts.map(words.describeWorker)],
    ['Runtimes', ...(first === undefined ? ['none'] : words.describeRuntimes(first))],
    ['Tasks', taskCount === 0 ? 'none yet' : `${taskCount} known, ${taskCounts.running} running`],
  ]);
  const port = up.manager.port === 5555 ? '' : ` --manager ${up.manager.url}`;
  const end = flags.stopTasks === true ? 'and its tasks' : 'and leaves its tasks running';
  return (
    `${greeting}\nTry, in another terminal:\n` +
    `  ${cube} run${port} --name hello -- sleep 600\n  ${cube} status${port}\n\n` +
    `Ctrl-C stops Cube ${end}.\n`
  );
}

function describeAsJson({ settings, manager, workers }: Up): string {
  const { version, cluster } = manager.service.status();
  const { dataDir, store, scheduler } = settings.manager;
  return `${JSON.stringify({
    version,
    pid: process.pid,
    cluster,
    url: manager.url,
    dataDir,
    store,
    scheduler,
    workers: workers.map((worker) => worker.facts()),
  })}\n`;
}

function describeFarewell(runningCount: number, stopTasks: boolean): string {
  if (runningCount === 0) return 'Cube has stopped. No task was running.\n';
  const tasks = countOf(runningCount, 'task');
  if (stopTasks) return `Cube has stopped, and ${tasks} with it.\n`;
  const run =
    runningCount === 1
      ? 'runs on, and the next start finds it'
      : 'run on, and the next start finds them';
  return `Cube has stopped; ${tasks} ${run} again.\n`;
}
