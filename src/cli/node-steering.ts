import type { Command } from 'commander';
import { CubeError } from '../errors/cube-error.ts';
import { quoteText } from '../errors/describe-value.ts';
import type { NodeReply } from '../link/replies.ts';
import type { CliIo } from './cli-io.ts';
import { type CommandContext, once } from './command-context.ts';
import { findNode } from './find-node.ts';
import { addManagerOptions, connect, type ManagerFlags, toJson } from './manager-options.ts';
import { toPlainText } from './plain-text.ts';
import { parseWaitMs } from './wait-limit.ts';
import { waitUntilEmpty } from './wait-until-empty.ts';

interface DrainFlags extends ManagerFlags {
  readonly detach?: boolean;
  readonly timeout?: string;
}

const DRAINED = 'is drained: its tasks leave one by one, and it takes no others';

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
    if (flags.detach === true) return tell(io, flags, { node: drained, words: DRAINED });
    context.exitCode = await waitUntilEmpty(io, { client, node: drained, flags });
    // As it is by now, not as it was when the first task had yet to leave.
    if (flags.json === true) await io.stdout.write(toJson(findNode(await client.nodes(), name)));
  });
  const resume = node
    .command('resume')
    .description('let tasks in again')
    .argument('<node>', 'its name');
  addManagerOptions(resume).action(async (name: string, flags: ManagerFlags) => {
    const client = await connect(io, flags);
    const node = await client.resume(name);
    const words = node.liveness === 'up' ? 'takes tasks again' : 'takes tasks again once it is up';
    await tell(io, flags, { node, words });
  });
  const label = node
    .command('label')
    .description('set labels of a node, or take them away')
    .argument('<node>', 'its name')
    .argument('<label...>', 'key=value to set one, key- to take one away');
  addManagerOptions(label).action(
    async (name: string, words: readonly string[], flags: ManagerFlags) => {
      const labels = parseLabelChanges(words);
      const client = await connect(io, flags);
      const changed = await client.label(name, labels);
      const list = Object.entries(changed.labels).map(([key, value]) => `${key}=${value}`);
      await tell(io, flags, { node: changed, words: `has labels ${list.join(' ') || '(none)'}` });
    },
  );
}

/** @throws CubeError `configuration`, also for a label that is named twice. */
export function parseLabelChanges(words: readonly string[]): Record<string, string | null> {
  const labels = new Map<string, string | null>();
  for (const [key, value] of words.map(parseLabelChange)) {
    if (labels.has(key)) {
      throw new CubeError('configuration', `The label ${quoteText(key)} is given twice.`);
    }
    labels.set(key, value);
  }
  return Object.fromEntries(labels);
}

function parseLabelChange(text: string): readonly [string, string | null] {
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
