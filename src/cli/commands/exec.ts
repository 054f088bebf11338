import type { Command } from 'commander';
import type { CubeClient } from '../../client/cube-client.ts';
import { sleep } from '../../lib/clock.ts';
import type { TaskReply } from '../../link/replies.ts';
import type { SessionInput, SessionRequest } from '../../link/session.ts';
import type { CliIo } from '../cli-io.ts';
import type { CommandContext } from '../command-context.ts';
import { describeState } from '../describe-task.ts';
import { createColumnKeeper } from '../keep-columns.ts';
import { addManagerAddress, connect, findManager, type ManagerFlags } from '../manager-options.ts';
import { toPlainText } from '../plain-text.ts';

interface ExecFlags extends ManagerFlags {
  readonly interactive?: boolean;
  readonly tty?: boolean;
}

const HELP = `
The exit code is that of the command. What is piped in goes to the command; at a terminal its input
is handed over with -i. With -t the command has a terminal, and every key is its own, Ctrl-C too.
In a container the command runs inside of it; beside a process, as its user, with its environment,
directory and limits. When the connection is lost, or this program ends, the command is killed.

Examples:
  cube exec web -- cat /etc/hostname
  cube exec -it web sh
  cube exec db -- pg_dump shop > shop.sql
  cube exec -i db -- psql shop < shop.sql`;

/** What a shell says of a program that was killed by force: 128 and the number of SIGKILL. */
const KILLED = 137;

/** How long the manager may take to hear that a task has ended, in milliseconds. */
const END_KNOWN_MS = 500;

/** `cube exec`: a command in a running task, as if it ran here. */
export function defineExec(program: Command, context: CommandContext): void {
  const command = program
    .command('exec')
    .usage('[options] <task> [--] <command> [args...]')
    .description('run a command in a running task')
    .argument('<task>', 'a name, an id, or the beginning of one')
    .argument('<command...>', 'a program and its arguments')
    .option('-i, --interactive', 'hand over the input also when it is a terminal')
    .option('-t, --tty', 'give the command a terminal')
    .passThroughOptions();
  addManagerAddress(command).addHelpText('after', HELP);
  command.action(async (word: string, given: readonly string[], flags: ExecFlags) => {
    const { io } = context;
    const words = given[0] === '--' ? given.slice(1) : given;
    if (words.length === 0) command.error("error: missing required argument 'command'");
    const client = await connect(io, flags);
    const { findTask } = await import('../find-task.ts');
    const task = await findTask(client, word);
    const terminal = flags.tty === true ? terminalOf(io) : undefined;
    const request = { command: [...words], ...(terminal === undefined ? {} : { terminal }) };
    const takesInput = flags.interactive === true || !io.stdin.isTerminal;
    context.exitCode = await run(io, flags, { id: task.id, request, takesInput });
    if (context.exitCode === KILLED) await tellEnd(io, client, task);
  });
}

/** Says so when the command was ended because its task has ended, or is to. */
async function tellEnd(io: CliIo, client: CubeClient, before: TaskReply): Promise<void> {
  const look = async (): Promise<boolean> => {
    const task = await client.get(before.id);
    const { state, attempt, desired, replacing } = task.status;
    const isSame = state === 'running' && attempt === before.status.attempt;
    if (isSame && desired === 'running' && replacing === undefined) return false;
    const text = `cube: The command has ended with its task, which is ${describeState(task, io.clock.now())}.`;
    await io.stderr.write(`${toPlainText(text)}\n`);
    return true;
  };
  if (await look()) return;
  // That it has ended of itself may be on its way to the manager yet.
  await sleep(io.clock, END_KNOWN_MS);
  await look();
}

interface Run {
  readonly id: string;
  readonly request: SessionRequest;
  readonly takesInput: boolean;
}

async function run(
  io: CliIo,
  flags: ManagerFlags,
  { id, request, takesInput }: Run,
): Promise<number> {
  const [{ createConnection }, { openSession }] = await Promise.all([
    import('../../client/connection.ts'),
    import('../../client/open-session.ts'),
  ]);
  const { url, token } = await findManager(io, flags);
  const connection = createConnection('manager', url, { token, clock: io.clock });
  const over = new AbortController();
  using _ = request.terminal !== undefined && takesInput ? io.stdin.takeKeys() : undefined;
  const input = inputOf(io, { takesInput, request, signal: over.signal });
  const { signal } = new AbortController();
  const isScreen = request.terminal !== undefined && io.stdout.isTerminal;
  const translate = isScreen ? createColumnKeeper() : (data: Uint8Array) => data;
  try {
    for await (const output of openSession(connection, `/tasks/${id}/exec`, {
      request,
      input,
      signal,
    })) {
      if (output.type === 'exit') return output.code;
      await io[output.type].write(translate(output.data));
    }
    throw new Error('Broken belief: a session ends with an exit code.');
  } finally {
    over.abort();
  }
}

function terminalOf({ stdout, environment }: CliIo): NonNullable<SessionRequest['terminal']> {
  const type = environment['TERM'];
  const isKnown = type !== undefined && /^[\w.+-]{1,64}$/.test(type);
  return { ...sizeOf(stdout), ...(isKnown ? { type } : {}) };
}

function sizeOf(stdout: CliIo['stdout']): { readonly columns: number; readonly rows: number } {
  return { columns: stdout.columns ?? 80, rows: stdout.rows ?? 24 };
}

/** What is typed or piped in, with the sizes of the terminal in between. */
async function* inputOf(
  io: CliIo,
  options: {
    readonly takesInput: boolean;
    readonly request: SessionRequest;
    readonly signal: AbortSignal;
  },
): AsyncGenerator<SessionInput, void, undefined> {
  const { takesInput, request, signal } = options;
  let resized = Promise.withResolvers<'resized'>();
  using _ = io.stdout.onResize(() => resized.resolve('resized'));
  const reader = takesInput ? io.stdin.read(signal)[Symbol.asyncIterator]() : undefined;
  let reading = reader?.next();
  if (reading === undefined && request.terminal === undefined) yield { type: 'end' };
  while (reading !== undefined || request.terminal !== undefined) {
    const next = await Promise.race([resized.promise, ...(reading === undefined ? [] : [reading])]);
    if (next === 'resized') {
      resized = Promise.withResolvers<'resized'>();
      if (request.terminal !== undefined) yield { type: 'resize', ...sizeOf(io.stdout) };
    } else if (next.done === true) {
      reading = undefined;
      yield { type: 'end' };
    } else {
      yield { type: 'input', data: next.value };
      reading = reader?.next();
    }
  }
}
