import type { Command } from 'commander';
import type { NodeReply } from '../../link/replies.ts';
import { nodeState } from '../../node/node.ts';
import { formatBytes } from '../../task/quantity.ts';
import { formatAge } from '../age.ts';
import type { CliIo } from '../cli-io.ts';
import { createColors } from '../colors.ts';
import { type CommandContext, once } from '../command-context.ts';
import { describeMoment } from '../describe-moment.ts';
import { describeSkew } from '../describe-skew.ts';
import { findNode } from '../find-node.ts';
import { addManagerOptions, connect, type ManagerFlags, toJson } from '../manager-options.ts';
import { defineSteering } from '../node-steering.ts';
import { parseMoment } from '../parse-moment.ts';
import { formatTable } from '../table.ts';
import { commandName } from '../typed-command.ts';

const HELP = `
CPU, MEMORY and DISK are promised / used / there. Promised is the sum of what unfinished tasks
ask for; used is measured. A node that is flapping was lost three times or more within ten
minutes.

Examples:
  cube node
  cube node --json
  cube node --at "10 minutes ago"
  cube node drain worker-1              move its tasks elsewhere, and let no others in
  cube node resume worker-1
  cube node label worker-1 disk=ssd zone-    set one, and take one away`;

interface NodeFlags extends ManagerFlags {
  readonly at?: string;
}

/** `cube node`: the machines, whether they answer, and what is left on them. */
export function defineNode(program: Command, context: CommandContext): void {
  const command = program
    .command('node')
    .description('list the nodes')
    .argument('[node]', 'the name of one')
    .addOption(once('--at <moment>', 'as it was then: "10 minutes ago", 03:00, a revision'));
  addManagerOptions(command).addHelpText('after', HELP);
  defineSteering(command, context);
  command.action(async (name: string | undefined, flags: NodeFlags) => {
    const { io } = context;
    const at = flags.at === undefined ? undefined : parseMoment('--at', flags.at, io.clock.now());
    const client = await connect(io, flags);
    const all = await client.nodes({ at });
    const nodes = name === undefined ? all : [findNode(all, name)];
    if (flags.json === true) {
      return io.stdout.write(toJson(name === undefined ? nodes : nodes[0]));
    }
    if (at !== undefined) {
      const none = nodes.length === 0 ? 'There were no nodes at' : 'As of';
      await io.stderr.write(`${none} ${describeMoment(at)}${nodes.length === 0 ? '.' : ':'}\n`);
      if (nodes.length === 0) return;
    }
    if (nodes.length === 0) {
      return io.stderr.write(
        `No worker has joined. Start one: ${commandName(io.environment)} worker --manager ${client.url}\n`,
      );
    }
    return io.stdout.write(formatNodes(io, nodes));
  });
}

function formatNodes(io: CliIo, nodes: readonly NodeReply[]): string {
  const colors = createColors(io.stdout, io.environment);
  const now = io.clock.now();
  const columns = [
    { title: 'NAME', widthMin: 8 },
    { title: 'STATE', widthMin: 12 },
    { title: 'TASKS', align: 'right' },
    { title: 'CPU', align: 'right' },
    { title: 'MEMORY', align: 'right' },
    { title: 'DISK', align: 'right' },
    { title: 'RUNTIMES', widthMin: 8 },
    { title: 'ADDRESS', widthMin: 10 },
  ] as const;
  const rows = nodes.map((node) => [
    node.name,
    describeNodeState(node, now),
    String(node.taskCount),
    amounts(node, 'cpu', (cores) => String(Math.round(cores * 100) / 100)),
    amounts(node, 'memory', compactBytes),
    amounts(node, 'disk', compactBytes),
    node.runtimes.map(({ name, available }) => (available ? name : `(${name})`)).join(' ') || '-',
    node.address,
  ]);
  return formatTable(columns, rows, {
    width: io.stdout.columns,
    paint: (text, { title, row }) => {
      if (row === -1) return colors.bold(text);
      if (title !== 'STATE') return text;
      if (/flapping|clock/.test(text)) return colors.yellow(text);
      return text.startsWith('up') ? colors.green(text) : colors.red(text);
    },
  });
}

/** `up`, `up (flapping)`, `down since 3m: no heartbeat`. */
export function describeNodeState(node: NodeReply, now: number): string {
  const { clockSkewMs } = node;
  const clock = clockSkewMs === undefined ? '' : ` (clock ${describeSkew(clockSkewMs)})`;
  const state = `${nodeState(node)}${node.flapping === true ? ' (flapping)' : ''}${clock}`;
  if (node.liveness === 'up') return state;
  const drained = node.draining ? ', drained' : '';
  const since = `${state} since ${formatAge(node.livenessSince, now)}${drained}`;
  return node.livenessReason === undefined ? since : `${since}: ${node.livenessReason}`;
}

function amounts(
  node: NodeReply,
  resource: 'cpu' | 'memory' | 'disk',
  format: (amount: number) => string,
): string {
  // Of the past there is what the log tells, which is what the scheduler went by.
  const used = (node.stats?.used ?? node.observed)?.[resource];
  return [node.committed[resource], used, node.capacity[resource]]
    .map((amount) => (amount === undefined ? '?' : format(amount)))
    .join('/');
}

/** `1.5G`: three of these stand in one cell. */
function compactBytes(bytes: number): string {
  return bytes === 0 ? '0' : formatBytes(bytes).replace(' ', '').replace(/iB$/, '');
}
