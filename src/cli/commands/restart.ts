import type { Command } from 'commander';
import type { CubeClient } from '../../client/cube-client.ts';
import { CubeError } from '../../errors/cube-error.ts';
import type { TaskReply } from '../../link/replies.ts';
import { isPlaced } from '../../task/task.ts';
import { type CommandContext, once } from '../command-context.ts';
import { shortId } from '../describe-task.ts';
import { findAllTasks } from '../find-all-tasks.ts';
import { addManagerOptions, connect, type ManagerFlags, toJson } from '../manager-options.ts';
import { toPlainText } from '../plain-text.ts';
import { parseWaitMs } from '../wait-limit.ts';
import { waitUntilRunning } from '../wait-until-running.ts';

interface RestartFlags extends ManagerFlags {
  readonly all?: boolean;
  readonly detach?: boolean;
  readonly timeout?: string;
}

const HELP = `
What runs is stopped as "cube stop" would, and then started anew, on the node that fits best by
then. A task that waits for its restart is started now, and one that has failed is tried again. What
was stopped, or has completed, does not run again.

Examples:
  cube restart web
  cube restart --all web
  cube restart 1a2b3c4d --detach`;

/** `cube restart`: the next attempt, now. */
export function defineRestart(program: Command, context: CommandContext): void {
  const command = program
    .command('restart')
    .description('end tasks and start them anew')
    .argument('<task...>', 'names, ids, or beginnings of ids')
    .option('-a, --all', 'restart every task that has the name')
    .option('-d, --detach', 'do not wait until it runs')
    .addOption(once('--timeout <duration>', 'wait at most this long, such as 2m'));
  addManagerOptions(command).addHelpText('after', HELP);
  command.action(async (words: readonly string[], flags: RestartFlags) => {
    const { io } = context;
    parseWaitMs(flags.timeout);
    const client = await connect(io, flags);
    const all = flags.all === true;
    const tasks = await findAllTasks(client, words, { all, done: 'restarted' });
    for (const task of tasks) await assertHasPlace(client, task);
    const asked = await Promise.all(tasks.map(({ id }) => client.restart(id)));
    if (flags.detach === true) {
      if (flags.json === true) return io.stdout.write(toJson(asked));
      for (const { spec, id } of asked) {
        await io.stdout.write(`${toPlainText(spec.name)} (${shortId(id)}) is to restart.\n`);
      }
      return;
    }
    const submitted = asked.map((task) => ({ task, created: true }));
    const outcome = await waitUntilRunning(io, { flags, submitted });
    context.exitCode = outcome.exitCode;
    if (flags.json === true) await io.stdout.write(toJson(outcome.tasks));
  });
}

/** @throws CubeError `conflict`: what runs on a drained node for want of another would only be ended. */
async function assertHasPlace(client: CubeClient, task: TaskReply): Promise<void> {
  if (!isPlaced(task)) return;
  const { now } = await client.placement(task.id);
  // Of a task that is placed it is told only where it is to leave its node.
  if (now === undefined || now.placement.node !== undefined) return;
  const { node = '' } = task.status;
  throw new CubeError(
    'conflict',
    `${task.spec.name} is on ${node}, which is drained, and no other node can take it now: a restart would end it, and not start it.`,
    { hint: `Let tasks in again first: cube node resume ${node}.` },
  );
}
