import type { Command } from 'commander';
import type { SubmittedReply } from '../../client/cube-client.ts';
import { type CommandContext, once, repeated } from '../command-context.ts';
import { addManagerOptions, type ManagerFlags, toJson } from '../manager-options.ts';
import type { SpecFlags } from '../spec-flags.ts';
import { addSpecOptions } from '../spec-options.ts';
import { parseWaitMs } from '../wait-limit.ts';

interface RunFlags extends ManagerFlags, SpecFlags {
  readonly file?: readonly string[];
  readonly detach?: boolean;
  readonly timeout?: string;
}

const HELP = `
A file holds one task as JSON, or a list of them; "-" reads the standard input. Everything that a
spec can say can be said in a file; flags cover the usual.

What follows "--" is the command and its arguments, without a shell. With --image it replaces the
image's entry point; to keep that and only add arguments, use --arg.

Waits until each task runs (or has ended): 0 when it runs or has completed, 1 when it failed, 124
when --timeout is over. The id is made here, so a command line that broke off can be repeated with
--id and never makes a second task.

Examples:
  cube run --name job -- sleep 600
  cube run --image nginx --port 8080:80 --memory 256MiB --restart always
  cube run --image postgres --secret-env POSTGRES_PASSWORD --volume data:/var/lib/postgresql/data
  cube run web.json db.json
  echo '{"name":"job","command":"sleep","args":["600"]}' | cube run -`;

/** `cube run`: hands in tasks, and waits until they run. */
export function defineRun(program: Command, context: CommandContext): void {
  const command = program
    .command('run')
    .description('run a task, from a file or from flags')
    .usage('[options] [file...] [-- command [args...]]')
    .argument('[file...]', 'JSON files with tasks, or - for the standard input')
    .addOption(repeated('-f, --file <file>', 'the same'))
    .option('-d, --detach', 'do not wait until it runs')
    .addOption(once('--timeout <duration>', 'wait at most this long, such as 2m'));
  addSpecOptions(command);
  addManagerOptions(command).addHelpText('after', HELP);
  command.action(async (operandFiles: readonly string[], flags: RunFlags) => {
    const { io, operands } = context;
    const files = [...operandFiles, ...(flags.file ?? [])];
    // Before anything is sent: a slip in a flag must not leave a task behind.
    parseWaitMs(flags.timeout);
    const { readTasksToRun, submitAll } = await import('../submit-tasks.ts');
    const submissions = await readTasksToRun(io, { files, flags, operands });
    const isList = files.length > 1 || submissions.length > 1;
    const submitted = await submitAll(io, flags, submissions);
    const { noteNamesakes } = await import('../note-namesakes.ts');
    await noteNamesakes(io, flags, submitted);
    if (flags.detach === true) {
      const ids = submitted.map(({ task }) => `${task.id}\n`).join('');
      await io.stdout.write(flags.json === true ? resultJson(submitted, isList) : ids);
      return;
    }
    const { waitUntilRunning } = await import('../wait-until-running.ts');
    const outcome = await waitUntilRunning(io, { flags, submitted });
    context.exitCode = outcome.exitCode;
    if (flags.json === true) {
      await io.stdout.write(toJson(isList ? outcome.tasks : (outcome.tasks[0] ?? null)));
    }
  });
}

function resultJson(submitted: readonly SubmittedReply[], isList: boolean): string {
  const tasks = submitted.map(({ task }) => task);
  return toJson(isList ? tasks : (tasks[0] ?? null));
}
