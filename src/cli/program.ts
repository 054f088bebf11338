import { Command } from 'commander';
import type { CommandContext } from './command-context.ts';
import { readVersion } from './version.ts';

export interface Program {
  readonly program: Command;
  /** Writes what commander has said so far. */
  readonly flush: () => Promise<void>;
}

const EXAMPLES = `
Examples:
  cube up                                     a manager and a worker, right here
  cube run --name job -- sleep 600            a process
  cube run --image nginx --port 8080:80       a container
  cube status                                 what runs, and what waits for what
  cube explain job                            why it runs where it runs, or does not

Exit codes:
  0 done  1 a task failed  2 wrong usage or input  3 not found  4 taken already
  69 no manager answers  70 a bug  74 disk or runtime failed  75 try again
  77 refused  124 timed out  130 interrupted`;

type Define = (program: Command, context: CommandContext) => void;

interface CommandEntry {
  readonly summary: string;
  readonly load: () => Promise<Define>;
}

/** Every command. Only the one that is asked for is loaded, so that each starts fast. */
const commands: Readonly<Record<string, CommandEntry>> = {
  up: {
    summary: 'start a manager and a worker on this machine',
    load: async () => (await import('./commands/up.ts')).defineUp,
  },
  manager: {
    summary: 'start a manager',
    load: async () => (await import('./commands/manager.ts')).defineManager,
  },
  worker: {
    summary: 'start a worker',
    load: async () => (await import('./commands/worker.ts')).defineWorker,
  },
  run: {
    summary: 'run a task, from a file or from flags',
    load: async () => (await import('./commands/run.ts')).defineRun,
  },
  plan: {
    summary: 'tell what "run" would do, and do nothing',
    load: async () => (await import('./commands/plan.ts')).definePlan,
  },
  stop: {
    summary: 'stop tasks',
    load: async () => (await import('./commands/stop.ts')).defineStop,
  },
  restart: {
    summary: 'end tasks and start them anew',
    load: async () => (await import('./commands/restart.ts')).defineRestart,
  },
  status: {
    summary: 'list tasks, or show one',
    load: async () => (await import('./commands/status.ts')).defineStatus,
  },
  node: {
    summary: 'list the nodes',
    load: async () => (await import('./commands/node.ts')).defineNode,
  },
  inspect: {
    summary: 'show all that is known of a task or a node',
    load: async () => (await import('./commands/inspect.ts')).defineInspect,
  },
  logs: {
    summary: 'print the output of a task',
    load: async () => (await import('./commands/logs.ts')).defineLogs,
  },
  exec: {
    summary: 'run a command in a running task',
    load: async () => (await import('./commands/exec.ts')).defineExec,
  },
  top: {
    summary: 'watch what nodes and tasks use',
    load: async () => (await import('./commands/top.ts')).defineTop,
  },
  events: {
    summary: 'print what has happened, and what happens',
    load: async () => (await import('./commands/events.ts')).defineEvents,
  },
  diff: {
    summary: 'tell what changed between two moments',
    load: async () => (await import('./commands/diff.ts')).defineDiff,
  },
  explain: {
    summary: 'tell why a task runs where it runs, or why it does not',
    load: async () => (await import('./commands/explain.ts')).defineExplain,
  },
  prune: {
    summary: 'remove finished tasks',
    load: async () => (await import('./commands/prune.ts')).definePrune,
  },
  backup: {
    summary: "write a verified copy of the manager's data",
    load: async () => (await import('./commands/backup.ts')).defineBackup,
  },
  restore: {
    summary: 'make the data of a manager from a backup',
    load: async () => (await import('./commands/restore.ts')).defineRestore,
  },
  doctor: {
    summary: 'look for what is wrong, and say what to do',
    load: async () => (await import('./commands/doctor.ts')).defineDoctor,
  },
  completion: {
    summary: 'print a script that completes command lines of bash, zsh or fish',
    load: async () => (await import('./commands/completion.ts')).defineCompletion,
  },
  simulate: {
    summary: 'run whole clusters under faults, on virtual time',
    load: async () => (await import('./commands/simulate.ts')).defineSimulate,
  },
};

/** The command line as far as `argv` needs it. */
export async function createProgram(
  context: CommandContext,
  argv: readonly string[],
): Promise<Program> {
  const pending: (() => Promise<void>)[] = [];
  const { stdout, stderr } = context.io;
  const program = new Command('cube')
    .description('Runs tasks on one machine or many, and never loses track of them.')
    .version(readVersion(), '-V, --version', 'print the version')
    .exitOverride()
    // The flags behind a command are its own, also where one above it has the same.
    .enablePositionalOptions()
    .configureHelp({ subcommandTerm: (command) => command.name() })
    .configureOutput({
      writeOut: (text) => pending.push(() => stdout.write(text)),
      writeErr: (text) => pending.push(() => stderr.write(text)),
      outputError: (text, write) => write(toSentence(text)),
      getOutHelpWidth: () => stdout.columns ?? 100,
      getErrHelpWidth: () => stderr.columns ?? 100,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .addHelpText('after', EXAMPLES);
  const asked = (argv[0] === 'help' ? argv[1] : argv[0]) ?? '';
  for (const [name, { summary, load }] of Object.entries(commands)) {
    if (name === asked) (await load())(program, context);
    else program.command(name).description(summary);
  }
  const flush = async (): Promise<void> => {
    for (const write of pending.splice(0)) await write();
  };
  return { program, flush };
}

/** Commander speaks in several lines that begin with "error:"; here an error is one sentence. */
function toSentence(text: string): string {
  const words = text
    .replace(/^error: /, '')
    .replace(/\s*\n\s*/g, ' ')
    .trim();
  const end = /[.)]$/.test(words) ? '' : '.';
  return `cube: ${words}${end} "cube --help" and "cube COMMAND --help" tell more.\n`;
}
