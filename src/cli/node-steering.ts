import type { Command } from 'commander';
import type { CubeClient } from '../client/cube-client.ts';
import { CubeError } from '../errors/cube-error.ts';
import { quoteText } from '../errors/describe-value.ts';
import type { NodeReply, TaskReply } from '../link/replies.ts';
import { isFinal, isPlaced } from '../task/task.ts';
import type { CliIo } from './cli-io.ts';
import { type CommandContext, once } from './command-context.ts';
import { describeState, shortId } from './describe-task.ts';
import { type ExitCode, exitCodes } from './exit-codes.ts';
import { addManagerOptions, connect, type ManagerFlags, toJson } from './manager-options.ts';
import { toPlainText } from './plain-text.ts';
import { Progress } from './progress.ts';
import { commandName } from './typed-command.ts';
import { createWaitLimit, parseWaitMs } from './wait-limit.ts';

interface DrainFlags extends ManagerFlags {
  readonly detach?: boolean;
  readonly timeout?: string;
}

const DRAIN_HELP = `
The tasks leave one by one: each is stopped, and started elsewhere, before the next one goes. One
that fits on no other node stays until it does. Ctrl-C ends only the waiting: the node is drained
all the same, until "cube node resume".`;

/** `cube node drain`, `resume` and `label`. */
export function defineSteering(node: Command, context: CommandContext): void {
  const { io } = context;
  node.enablePositionalOptions();
  const drain = node
    .command('drain')
    .description('move the tasks of a node elsewhere, and let no others in')
    .argument('<node>', 'its name')
    .option('-d, --detach', 'do not wait until it is empty')
    .addOption(once('--timeout <duration>', 'wait at most this long, such as 10m'));
  addManagerOptions(drain).addHelpText('after', DRAIN_HELP);
  drain.action(async (name: string, flags: DrainFlags) => {
    parseWaitMs(flags.timeout);
    const client = await connect(io, flags);
    const drained = await client.drain(name);
    if (flags.detach !== true) context.exitCode = await waitUntilEmpty(io, { client, name, flags });
    if (flags.json === true) await io.stdout.write(toJson(drained));
  });
  const resume = node
    .command('resume')
    .description('let tasks in again')
    .argument('<node>', 'its name');
  addManagerOptions(resume).action(async (name: string, flags: ManagerFlags) => {
    const client = await connect(io, flags);
    await tell(io, flags, { node: await client.resume(name), words: 'takes tasks again' });
  });
  const label = node
    .command('label')
    .description('set labels of a node, or take them away')
    .argument('<node>', 'its name')
    .argument('<label...>', 'key=value to set one, key- to take one away');
  addManagerOptions(label).action(
    async (name: string, words: readonly string[], flags: ManagerFlags) => {
      const labels = Object.fromEntries(words.map(parseLabelChange));
      const client = await connect(io, flags);
      const changed = await client.label(name, labels);
      const list = Object.entries(changed.labels).map(([key, value]) => `${key}=${value}`);
      await tell(io, flags, { node: changed, words: `has labels ${list.join(' ') || '(none)'}` });
    },
  );
}

/** @throws CubeError `configuration`. */
export function parseLabelChange(text: string): readonly [string, string | null] {
  const place = text.indexOf('=');
  if (place > 0) return [text.slice(0, place), text.slice(place + 1)];
  if (/^[^=]+-$/.test(text)) return [text.slice(0, -1), null];
  throw new CubeError('configuration', `${quoteText(text)} is not a label to set or take away.`, {
    hint: 'For example: disk=ssd to set it, disk- to take it away.',
  });
}

async function tell(
  io: CliIo,
  flags: ManagerFlags,
  { node, words }: { readonly node: NodeReply; readonly words: string },
): Promise<void> {
  if (flags.json === true) return io.stdout.write(toJson(node));
  return io.stdout.write(`${toPlainText(`${node.name} ${words}`)}.\n`);
}

interface Draining {
  readonly client: CubeClient;
  readonly name: string;
  readonly flags: DrainFlags;
}

/** Shows what moves, until nothing is left there or the wait is over. */
async function waitUntilEmpty(io: CliIo, { client, name, flags }: Draining): Promise<ExitCode> {
  using limit = createWaitLimit(io, flags.timeout);
  const { signal } = limit;
  const progress = new Progress(io);
  const left = new Map<string, TaskReply>();
  const show = (): Promise<void> => showLeft(io, progress, { name, left: [...left.values()] });
  try {
    const { revision } = await client.listPage({ limit: 1 }, { signal });
    for await (const task of client.list({ node: name }, { signal })) {
      if (isPlaced(task)) left.set(task.id, task);
    }
    if (left.size > 0) await show();
    const events = left.size === 0 ? [] : client.events({ after: revision, signal });
    for await (const { taskId = '' } of events) {
      if (!left.has(taskId)) continue;
      const task = await client.get(taskId, { signal });
      if (hasLeft(task, name)) left.delete(taskId);
      else left.set(taskId, task);
      if (left.size === 0) break;
      await show();
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  await progress.clear();
  if (left.size === 0) {
    if (flags.json !== true) await io.stdout.write(`${toPlainText(name)} is empty.\n`);
    return exitCodes.ok;
  }
  const cube = commandName(io.environment);
  const node = toPlainText(name);
  await io.stderr.write(
    `cube: ${left.size} tasks are still on ${node}; it is drained without this command. ` +
      `Next: ${cube} status --node ${node}   ${cube} node resume ${node}\n`,
  );
  return exitCodes[limit.end ?? 'timeout'];
}

/** Whether it neither is on the node nor comes from there and does not run elsewhere yet. */
function hasLeft(task: TaskReply, node: string): boolean {
  const isThere = isPlaced(task) && task.status.node === node;
  return isFinal(task) || (!isThere && task.status.replacing?.node !== node);
}

async function showLeft(
  io: CliIo,
  progress: Progress,
  { name, left }: { readonly name: string; readonly left: readonly TaskReply[] },
): Promise<void> {
  const moving = left.find(({ status }) => status.replacing !== undefined);
  const now =
    moving === undefined
      ? 'waiting for room elsewhere'
      : `${moving.spec.name} (${shortId(moving.id)}): ${describeState(moving, io.clock.now())}`;
  await progress.show(name, `${name}  ${left.length} left; ${now}`);
}
