import type { Command } from 'commander';
import type { CubeClient } from '../../client/cube-client.ts';
import { isCubeError } from '../../errors/cube-error.ts';
import type { NodeReply, TaskReply } from '../../link/replies.ts';
import { formatBytes } from '../../task/quantity.ts';
import { formatAge } from '../age.ts';
import type { CommandContext } from '../command-context.ts';
import { describeState, formatPort } from '../describe-task.ts';
import { addManagerOptions, connect, type ManagerFlags, toJson } from '../manager-options.ts';
import { toPlainLines, toPlainText } from '../plain-text.ts';
import { describeNodeState } from './node.ts';

const HELP = `
Examples:
  cube inspect web
  cube inspect worker-1
  cube inspect 1a2b3c4d --json`;

/** `cube inspect`: everything that is known of one task or node. */
export function defineInspect(program: Command, context: CommandContext): void {
  const command = program
    .command('inspect')
    .description('show all that is known of a task or a node')
    .argument('<task-or-node>', 'a task by name, id or the beginning of one, or a node by name');
  addManagerOptions(command).addHelpText('after', HELP);
  command.action(async (word: string, flags: ManagerFlags) => {
    const { io } = context;
    const client = await connect(io, flags);
    const found = await find(client, word);
    if (flags.json === true) return io.stdout.write(toJson(found.value));
    const now = io.clock.now();
    const lines =
      found.kind === 'task' ? describeTask(found.value, now) : describeNode(found.value, now);
    return io.stdout.write(`${lines.join('\n')}\n`);
  });
}

type Found =
  | { readonly kind: 'task'; readonly value: TaskReply }
  | { readonly kind: 'node'; readonly value: NodeReply };

async function find(client: CubeClient, word: string): Promise<Found> {
  const { findTask } = await import('../find-task.ts');
  try {
    return { kind: 'task', value: await findTask(client, word) };
  } catch (error) {
    if (!isCubeError(error, 'not-found')) throw error;
    const node = (await client.nodes()).find(({ name }) => name === word);
    if (node === undefined) throw error;
    return { kind: 'node', value: node };
  }
}

function describeTask(task: TaskReply, now: number): readonly string[] {
  const { spec, status } = task;
  return [
    ...facts([
      ['Task', task.id],
      ['Name', spec.name],
      ['State', describeState(task, now)],
      ['Reason', status.reason?.message],
      ['Exit code', status.exitCode],
      ['Node', status.node],
      ['Attempt', status.attempt],
      ['Restarts', status.restartCount],
      ['Ports', status.ports?.map(formatPort).join(', ')],
      ['Runtime', [spec.runtime, status.runtimeId].filter(Boolean).join(' ')],
      ['Submitted', moment(task.createdAt, now)],
      ['Started', moment(status.startedAt, now)],
      ['Ended', moment(status.finishedAt, now)],
      ['Last seen', moment(task.observedAt, now)],
    ]),
    ...(status.output === undefined ? [] : ['Last output:', ...indent(status.output)]),
    'Spec:',
    ...indent(JSON.stringify(spec, null, 2)),
  ];
}

function describeNode(node: NodeReply, now: number): readonly string[] {
  const { capacity, committed, stats } = node;
  const amount = (resource: 'memory' | 'disk'): string =>
    `${formatBytes(capacity[resource])}, promised ${formatBytes(committed[resource])}` +
    (stats === undefined ? '' : `, used ${formatBytes(stats.used[resource])}`);
  const used = stats === undefined ? '' : `, used ${Math.round(stats.used.cpu * 100) / 100}`;
  return [
    ...facts([
      ['Node', node.name],
      ['Id', node.id],
      ['State', describeNodeState(node, now)],
      ['Address', node.address],
      ['Version', node.version],
      ['Tasks', node.taskCount],
      ['CPU', `${capacity.cpu} cores, promised ${committed.cpu}${used}`],
      ['Memory', amount('memory')],
      ['Disk', amount('disk')],
      ['Load', stats?.load],
      [
        'Labels',
        Object.entries(node.labels)
          .map(([key, value]) => `${key}=${value}`)
          .join(' '),
      ],
      ['Binds below', node.bindRoots.join(', ')],
    ]),
    'Runtimes:',
    ...node.runtimes.map(({ name, available, version, reason }) =>
      toPlainText(
        `  ${name}: ${available ? `available ${version ?? ''}` : `not available. ${reason ?? ''}`}`,
      ).trimEnd(),
    ),
  ];
}

type Fact = readonly [string, string | number | undefined];

function facts(pairs: readonly Fact[]): readonly string[] {
  return pairs
    .filter(([, value]) => value !== undefined && value !== '')
    .map(([key, value]) => `${`${key}:`.padEnd(13)}${toPlainText(String(value))}`);
}

function moment(time: string | undefined, now: number): string | undefined {
  return time === undefined ? undefined : `${time} (${formatAge(time, now)} ago)`;
}

function indent(text: string): readonly string[] {
  return toPlainLines(text).map((line) => `  ${line}`);
}
