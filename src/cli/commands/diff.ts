import type { Command } from 'commander';
import type { DifferenceReply, TaskReply } from '../../link/replies.ts';
import { nodeState } from '../../node/node.ts';
import { formatBytes } from '../../task/quantity.ts';
import type { CommandContext } from '../command-context.ts';
import { describeExitCode, shortId } from '../describe-task.ts';
import { addManagerOptions, connect, type ManagerFlags, toJson } from '../manager-options.ts';
import { parseMoment } from '../parse-moment.ts';
import { toPlainText } from '../plain-text.ts';

const HELP = `
A moment is "10 minutes ago", "1h30m ago", 03:00 (the latest one), "2030-01-31 03:00", or a
revision. A task or node that came is marked +, one that went -, and one that changed ~.

Examples:
  cube diff "10 minutes ago"
  cube diff 03:00 03:30
  cube diff 120 180 --json`;

/** `cube diff`: what changed between two moments. */
export function defineDiff(program: Command, context: CommandContext): void {
  const command = program
    .command('diff')
    .description('tell what changed between two moments')
    .argument('<from>', 'a moment')
    .argument('[to]', 'a later one (default: now)');
  addManagerOptions(command).addHelpText('after', HELP);
  command.action(async (from: string, to: string | undefined, flags: ManagerFlags) => {
    const { io } = context;
    const now = io.clock.now();
    const start = parseMoment('FROM', from, now);
    const end = to === undefined ? undefined : parseMoment('TO', to, now);
    const client = await connect(io, flags);
    const difference = await client.difference(start, end);
    if (flags.json === true) return io.stdout.write(toJson(difference));
    const lines = describeDifference(difference);
    const { from: first, to: last } = difference;
    if (lines.length === 0) {
      return io.stderr.write(`Nothing changed from revision ${first} to ${last}.\n`);
    }
    await io.stderr.write(`From revision ${first} to ${last}:\n`);
    return io.stdout.write(lines.map((line) => `${toPlainText(line)}\n`).join(''));
  });
}

/** One line for each task and node that differs in something that people look at. */
export function describeDifference(difference: DifferenceReply): readonly string[] {
  const { tasks, nodes, changedTaskCount } = difference;
  const lines = [
    ...tasks.map((change) => describeChange(change, { title: taskTitle, facts: taskFacts })),
    ...nodes.map((change) => describeChange(change, { title: nodeTitle, facts: nodeFacts })),
  ].filter((line) => line !== undefined);
  const restCount = changedTaskCount - tasks.length;
  return restCount > 0 ? [...lines, `… and ${restCount} tasks more`] : lines;
}

type Facts = readonly (readonly [name: string, value: string | undefined])[];

interface Kind<Value> {
  readonly title: (value: Value) => string;
  readonly facts: (value: Value) => Facts;
}

function describeChange<Value>(
  { from, to }: { readonly from?: Value | undefined; readonly to?: Value | undefined },
  { title, facts }: Kind<Value>,
): string | undefined {
  if (to === undefined) return from && `- ${title(from)}  ${summary(facts(from))}`;
  if (from === undefined) return `+ ${title(to)}  ${summary(facts(to))}`;
  const before = new Map(facts(from));
  const changed = facts(to).flatMap(([name, value]) => {
    const was = before.get(name);
    return was === value ? [] : [`${name} ${was ?? 'none'} -> ${value ?? 'none'}`];
  });
  return changed.length === 0 ? undefined : `~ ${title(to)}  ${changed.join(', ')}`;
}

function summary(facts: Facts): string {
  return facts
    .flatMap(([name, value]) => (value === undefined ? [] : [`${name} ${value}`]))
    .join(', ');
}

function taskTitle({ id, spec }: TaskReply): string {
  return `task ${spec.name} ${shortId(id)}`;
}

function taskFacts(task: TaskReply): Facts {
  const { status } = task;
  const isWaiting = status.state === 'pending' || status.state === 'scheduled';
  return [
    ['state', status.state],
    ['wanted', status.desired === 'stopped' ? 'stopped' : undefined],
    ['node', status.node],
    ['attempt', status.attempt === 0 ? undefined : String(status.attempt)],
    ['restarts', status.restartCount === 0 ? undefined : String(status.restartCount)],
    ['health', status.health],
    [isWaiting ? 'waiting' : 'end', describeExitCode(task) ?? status.reason?.message],
  ];
}

type NodeOf = NonNullable<DifferenceReply['nodes'][number]['to']>;

function nodeTitle({ name }: NodeOf): string {
  return `node ${name}`;
}

function nodeFacts(node: NodeOf): Facts {
  const { capacity, runtimes, version, labels } = node;
  const available = runtimes.filter((runtime) => runtime.available);
  return [
    ['state', nodeState(node)],
    ['address', node.address],
    ['cpu', String(capacity.cpu)],
    ['memory', formatBytes(capacity.memory)],
    ['runtimes', available.map(({ name }) => name).join('+') || 'none'],
    [
      'labels',
      Object.entries(labels)
        .map(([key, value]) => `${key}=${value}`)
        .join(' ') || undefined,
    ],
    ['version', version],
  ];
}
