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
import type { GreetingLine } from '../greeting.ts';
import { countOf } from '../plain-text.ts';
import type { Daemon, DaemonHooks } from '../run-daemon.ts';
import type { RunningManager } from '../start-manager.ts';
import type { RunningWorker } from '../start-worker.ts';
import { commandName } from '../typed-command.ts';

interface UpFlags extends DaemonCommandFlags, ManagerFlags, WorkerFlags {
  readonly workers?: string;
  readonly workerPort?: string;
  readonly stopTasks?: boolean;
}

const HELP = `
Runs until Ctrl-C or SIGTERM, and then leaves tasks running: the next "cube up" finds them again.
A second Ctrl-C ends it at once. With --stop-tasks the tasks are stopped too; those whose restart
policy says so run again with the next start. With --store memory they are always stopped, since
nothing would know of them any more.

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
        isClusterForgotten: settings.manager.store === 'memory',
      },
    ).catch((error: unknown) => explain({ ...workerSettings, flag: '--worker-port' }, error));
    parts.defer(() => worker.stop({ stopTasks: false }));
    workers.push(worker);
  }
  const running = parts.move();
  const up = { settings, manager, workers };
  return {
    logger,
    greeting: flags.json === true ? describeAsJson(up) : await describeUp(io, up, flags),
    async stop() {
      const stopped = isStoppingTasks(up, flags);
      const { running: runningCount } = manager.service.status().taskCounts;
      const hereCount = workers.reduce((sum, worker) => sum + worker.taskCount(), 0);
      // The manager stays until it has heard how the tasks ended.
      if (stopped) await Promise.all(workers.map((worker) => worker.stop({ stopTasks: true })));
      else await manager.stop();
      await running.disposeAsync();
      return describeFarewell({ hereCount, elsewhereCount: runningCount - hereCount, stopped });
    },
  };
}

/** What a memory store has forgotten could never be found again, so it must not run on. */
function isStoppingTasks({ settings }: Up, flags: UpFlags): boolean {
  return flags.stopTasks === true || settings.manager.store === 'memory';
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
  const cube = commandName(io.environment);
  const greeting = words.formatGreeting(`Cube ${version} is up.`, [
    ['Manager', words.describeReach(up.manager.url, settings)],
    ...words.describeDashboard(up.manager.dashboardUrl),
    ['Process', `${process.pid}`],
    ['Data', settings.dataDir],
    ['Store', words.describeStore(settings)],
    ['Scheduler', settings.scheduler],
    ['Workers', ...facts.map(words.describeWorker)],
    ['Runtimes', ...(first === undefined ? ['none'] : words.describeRuntimes(first))],
    ['Tasks', taskCount === 0 ? 'none yet' : `${taskCount} known, ${taskCounts.running} running`],
    ...describeAbsent(up),
  ]);
  const port = up.manager.port === 5555 ? '' : ` --manager ${up.manager.url}`;
  const end = isStoppingTasks(up, flags) ? 'and its tasks' : 'and leaves its tasks running';
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

/** Nodes with tasks that were there before, and are not among the workers of this start. */
function describeAbsent({ manager, workers }: Up): readonly GreetingLine[] {
  const names = new Set(workers.map((worker) => worker.facts().name));
  const lines = manager.service
    .listNodes()
    .filter(({ node, taskCount }) => taskCount > 0 && !names.has(node.name))
    .map(({ node, taskCount }) => `${node.name} has ${countOf(taskCount, 'task')}`);
  const [first, ...more] = lines;
  return first === undefined ? [] : [['Elsewhere', first, ...more]];
}

interface Farewell {
  /** Tasks that ran on the workers of this start. */
  readonly hereCount: number;
  /** Tasks that run on other nodes, as far as the manager knows. */
  readonly elsewhereCount: number;
  readonly stopped: boolean;
}

function describeFarewell({ hereCount, elsewhereCount, stopped }: Farewell): string {
  const elsewhere =
    elsewhereCount > 0 ? ` ${countOf(elsewhereCount, 'task')} on other nodes not touched.` : '';
  return `Cube has stopped${describeHere(hereCount, stopped)}${elsewhere}\n`;
}

function describeHere(count: number, stopped: boolean): string {
  if (count === 0) return '. No task was running here.';
  const tasks = countOf(count, 'task');
  if (stopped) return `, and ${tasks} with it.`;
  return count === 1
    ? `; ${tasks} runs on, and the next start finds it again.`
    : `; ${tasks} run on, and the next start finds them again.`;
}
