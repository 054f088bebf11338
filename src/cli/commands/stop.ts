import type { Command } from 'commander';
import type { CubeClient } from '../../client/cube-client.ts';
import type { TaskReply } from '../../link/replies.ts';
import { isFinal } from '../../task/task.ts';
import type { CliIo } from '../cli-io.ts';
import { type CommandContext, once } from '../command-context.ts';
import { describeExitCode, describeState, shortId } from '../describe-task.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { findAllTasks } from '../find-all-tasks.ts';
import { addManagerOptions, connect, type ManagerFlags, toJson } from '../manager-options.ts';
import { toPlainText } from '../plain-text.ts';
import { Progress } from '../progress.ts';
import { createWaitLimit, parseWaitMs } from '../wait-limit.ts';
import { watchTasks } from '../watch-tasks.ts';

interface StopFlags extends ManagerFlags {
  readonly all?: boolean;
  readonly detach?: boolean;
  readonly timeout?: string;
}

const HELP = `
A task is named by its id, by the beginning of it (at least four digits), or by its name. Where
several unfinished tasks have the name, nothing is stopped unless --all is given.

Waits until each has ended, and tells how: by itself, by its stop signal, or killed because it took
longer than its stop timeout.

Examples:
  cube stop web
  cube stop 1a2b3c4d --detach
  cube stop --all job`;

/** `cube stop`: ends tasks, and tells what really happened. */
export function defineStop(program: Command, context: CommandContext): void {
  const command = program
    .command('stop')
    .description('stop tasks')
    .argument('<task...>', 'names, ids, or beginnings of ids')
    .option('-a, --all', 'stop every task that has the name')
    .option('-d, --detach', 'do not wait until it has ended')
    .addOption(once('--timeout <duration>', 'wait at most this long, such as 2m'));
  addManagerOptions(command).addHelpText('after', HELP);
  command.action(async (words: readonly string[], flags: StopFlags) => {
    const { io } = context;
    parseWaitMs(flags.timeout);
    const client = await connect(io, flags);
    const tasks = await findAllTasks(client, words, { all: flags.all === true, done: 'stopped' });
    const results = await stopAll(io, { client, tasks, flags });
    context.exitCode = results.exitCode;
    if (flags.json === true) await io.stdout.write(toJson(results.tasks));
  });
}

interface StopRequest {
  readonly client: CubeClient;
  readonly tasks: readonly TaskReply[];
  readonly flags: StopFlags;
}

interface StopResults {
  readonly exitCode: ExitCode;
  readonly tasks: readonly TaskReply[];
}

async function stopAll(io: CliIo, { client, tasks, flags }: StopRequest): Promise<StopResults> {
  using limit = createWaitLimit(io, flags.timeout);
  const quiet = flags.json === true;
  const asked = await Promise.all(
    tasks.map(async (before) => {
      const task = await client.stop(before.id, { signal: limit.signal });
      if (flags.detach === true && !quiet) await io.stdout.write(describeAsked(before, task));
      return task;
    }),
  );
  if (flags.detach === true) return { exitCode: exitCodes.ok, tasks: asked };
  const befores = new Map(tasks.map((task) => [task.id, task]));
  const afters = new Map(asked.map((task) => [task.id, task]));
  const progress = new Progress(io);
  const watched = watchTasks(client, asked, {
    signal: limit.signal,
    isDone: isFinal,
    onInterrupted: (message) => void progress.say(`cube: ${message} Still waiting …`),
  });
  try {
    for await (const task of watched) {
      afters.set(task.id, task);
      if (!isFinal(task)) {
        await progress.show(task.id, `${task.spec.name}  ${describeState(task, io.clock.now())}`);
        continue;
      }
      await progress.end(task.id);
      await progress.clear();
      const before = befores.get(task.id) ?? task;
      if (!quiet) await io.stdout.write(describeEnd(before, task));
    }
  } catch (error) {
    if (!limit.signal.aborted) throw error;
  }
  await progress.clear();
  const results = [...afters.values()];
  const unfinished = results.filter((task) => !isFinal(task));
  for (const task of unfinished) {
    const state = describeState(task, io.clock.now());
    const text = `cube: ${task.spec.name} (${shortId(task.id)}) is still ${state}; the wish that it stops is kept.`;
    await io.stderr.write(`${toPlainText(text)}\n`);
  }
  const exitCode = unfinished.length === 0 ? exitCodes.ok : exitCodes[limit.end ?? 'timeout'];
  return { exitCode, tasks: results };
}

function describeAsked(before: TaskReply, asked: TaskReply): string {
  if (isFinal(asked)) return describeEnd(before, asked);
  return `${toPlainText(asked.spec.name)} (${shortId(asked.id)}) is asked to stop.\n`;
}

/** What really happened, which need not be what was asked for. */
function describeEnd(before: TaskReply, after: TaskReply): string {
  const name = `${after.spec.name} (${shortId(after.id)})`;
  const { status } = after;
  const exit = describeExitCode(after);
  const code = exit === undefined ? '' : `, ${exit}`;
  const where = status.node === undefined ? '' : ` on ${status.node}`;
  const why = status.reason?.message ?? 'no reason is known.';
  return `${toPlainText(`${name} ${describeHow()}`)}\n`;

  function describeHow(): string {
    if (isFinal(before)) return `had ended before: it ${wordOf(before)}${code}.`;
    if (status.attempt === 0) return 'is stopped; it had not been placed.';
    if (before.status.restartDelayMs !== undefined) {
      return `is not started again; it had ${wordOf(after)}${where}${code}: ${why}`;
    }
    switch (status.reason?.code) {
      case 'killed-after-timeout':
        return `was killed${where}: it did not end within ${after.spec.stopTimeout}${code}.`;
      case 'stopped-by-user':
        return `is stopped${where}${code}.`;
      default:
        return `${wordOf(after)}${where}${code}: ${why}`;
    }
  }
}

function wordOf(task: TaskReply): string {
  return task.status.state === 'failed' ? 'failed' : 'completed';
}
