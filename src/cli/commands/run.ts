import type { Command } from 'commander';
import type { SubmittedReply } from '../../client/cube-client.ts';
import { type CommandContext, once, repeated } from '../command-context.ts';
import { addManagerOptions, type ManagerFlags, toJson } from '../manager-options.ts';
import type { SpecFlags } from '../spec-flags.ts';
import { parseWaitMs } from '../wait-limit.ts';

interface RunFlags extends ManagerFlags, SpecFlags {
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
    .option('-d, --detach', 'do not wait until it runs')
    .addOption(once('--timeout <duration>', 'wait at most this long, such as 2m'));
  addSpecOptions(command);
  addManagerOptions(command).addHelpText('after', HELP);
  command.action(async (files: readonly string[], flags: RunFlags) => {
    const { io, operands } = context;
    // Before anything is sent: a slip in a flag must not leave a task behind.
    parseWaitMs(flags.timeout);
    const { readTasksToRun, submitAll } = await import('../submit-tasks.ts');
    const submissions = await readTasksToRun(io, { files, flags, operands });
    const isList = files.length > 1 || submissions.length > 1;
    const submitted = await submitAll(io, flags, submissions);
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

function addSpecOptions(command: Command): void {
  const options = [
    once('--name <name>', 'what people call it (default: from the image or command)'),
    once('--image <image>', 'run a container of this image'),
    once('--runtime <runtime>', 'docker or process (default: docker with --image)'),
    once('--pull <when>', 'always, if-missing or never'),
    repeated('--arg <argument>', 'an argument for the image’s own entry point'),
    repeated('-p, --port <ports>', 'publish a port: [address:][host:]container[/udp]'),
    once('--cpu <cores>', 'cores reserved, such as 0.5'),
    once('--memory <size>', 'memory reserved, such as 256MiB'),
    once('--disk <size>', 'disk reserved, such as 1GiB'),
    repeated('-e, --env <key=value>', 'an environment variable'),
    repeated('--secret-env <key>', 'a variable of yours, handed on and never shown'),
    repeated('-v, --volume <name:target>', 'a named volume, with :ro behind it for read-only'),
    repeated('--bind <source:target>', 'a folder of the node, below a root that it allows'),
    repeated('-l, --label <key=value>', 'a label'),
    once('--restart <policy>', 'never, on-failure (default) or always'),
    once('--health-http <port/path>', 'healthy when this answers, such as 80/healthz'),
    once('--health-tcp <port>', 'healthy when this port takes connections'),
    once('--health-command <command>', 'healthy when this shell command ends with 0'),
    repeated('--constraint <demand>', 'what a node must have, such as "zone == eu"'),
    once('--stop-signal <signal>', 'the signal that asks it to end (default SIGTERM)'),
    once('--stop-timeout <duration>', 'how long it may take to end (default 10s)'),
    once('--priority <number>', '0 to 100; higher goes first (default 50)'),
    once('--on-node-lost <what>', 'replace (default) or wait'),
    once('--id <uuid>', 'the id; the same id again is the same task'),
  ];
  for (const option of options) command.addOption(option);
}
