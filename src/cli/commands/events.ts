import type { Command } from 'commander';
import type { CubeClient, Moment } from '../../client/cube-client.ts';
import type { EventReply, Interruption } from '../../client/event-stream.ts';
import { CubeError, isCubeError } from '../../errors/cube-error.ts';
import { quoteText } from '../../errors/describe-value.ts';
import { type CommandContext, once, repeated } from '../command-context.ts';
import { formatPort, shortId } from '../describe-task.ts';
import { readTypes } from '../filter-flags.ts';
import { findNode } from '../find-node.ts';
import { addManagerOptions, connect, type ManagerFlags } from '../manager-options.ts';
import { parseMoment } from '../parse-moment.ts';
import { toPlainJson, toPlainText } from '../plain-text.ts';

interface EventFlags extends ManagerFlags {
  readonly follow?: boolean;
  readonly task?: string;
  readonly node?: string;
  readonly after?: string;
  readonly since?: string;
  readonly until?: string;
  readonly type?: readonly string[];
}

const HELP = `
Every change is an event with a revision. Without --follow, the events up to now are printed; with
it, also each new one as it becomes durable. With --json each is a line of its own. "--after" with
the last revision seen goes on without a gap or a repeat.

Examples:
  cube events --task web
  cube events --since "10 minutes ago" --node worker-1
  cube events --since 03:00 --until 03:10 --type task-failed,node-went-down
  cube events --follow
  cube events --follow --after 120 --json`;

/** `cube events`: what happened, and what happens. */
export function defineEvents(program: Command, context: CommandContext): void {
  const command = program
    .command('events')
    .description('print what has happened, and what happens')
    .option('-f, --follow', 'go on with new events')
    .addOption(once('--task <task>', 'only events of this task'))
    .addOption(once('--node <node>', 'only events of this node'))
    .addOption(repeated('--type <type>', 'only events of this type, such as task-failed'))
    .addOption(once('--after <revision>', 'only events after this revision'))
    .addOption(once('--since <moment>', 'only events since then: "10 minutes ago", 03:00'))
    .addOption(once('--until <moment>', 'only events until then'));
  addManagerOptions(command).addHelpText('after', HELP);
  command.action(async (flags: EventFlags) => {
    const { io } = context;
    const after = startOf(flags, io.clock.now());
    const isWanted = untilOf(flags, io.clock.now());
    const types = readTypes(flags.type);
    const client = await connect(io, flags);
    const taskId = await findTaskId(client, flags.task);
    const follow = flags.follow === true;
    await noteFloor(io, client, after);
    let isUnknown = flags.node !== undefined;
    const events = client.events({
      after,
      follow,
      taskId,
      node: flags.node,
      types,
      onInterrupted: (interruption) => void io.stderr.write(describeInterruption(interruption)),
    });
    for await (const event of events) {
      isUnknown = false;
      if (!isWanted(event)) break;
      const line = flags.json === true ? toPlainJson(JSON.stringify(event)) : describeEvent(event);
      await io.stdout.write(`${line}\n`);
    }
    // A node that has left has events still; a slip of the pen has neither.
    if (isUnknown && flags.node !== undefined) findNode(await client.nodes(), flags.node);
  });
}

function startOf({ after, since }: EventFlags, nowMs: number): Moment | undefined {
  if (after !== undefined && since !== undefined) {
    throw new CubeError('configuration', 'Give either --after or --since.');
  }
  if (since !== undefined) return parseMoment('--since', since, nowMs);
  return after === undefined ? undefined : parseRevision(after);
}

/** Says so where the log begins later than what is asked for. A revision is refused then. */
async function noteFloor(
  io: CommandContext['io'],
  client: CubeClient,
  after: Moment | undefined,
): Promise<void> {
  if (typeof after === 'number') return;
  const { floor } = await client.status();
  if (floor === 0) return;
  for await (const { time } of client.events({ after: floor, follow: false })) {
    if (after !== undefined && Date.parse(time) <= Date.parse(after)) return;
    await io.stderr.write(
      `cube: The log that is kept begins at ${time}, after revision ${floor}.\n`,
    );
    return;
  }
}

function untilOf({ follow, until }: EventFlags, nowMs: number): (event: EventReply) => boolean {
  if (until === undefined) return () => true;
  if (follow === true) {
    throw new CubeError('configuration', 'Give either --follow or --until.');
  }
  const moment = parseMoment('--until', until, nowMs);
  if (typeof moment === 'number') return ({ revision }) => revision <= moment;
  return ({ time }) => Date.parse(time) <= Date.parse(moment);
}

function describeInterruption({ error, after }: Interruption): string {
  const why = error === undefined ? 'The manager ended the stream.' : error.message;
  const where = typeof after === 'number' ? ` after revision ${after}` : '';
  return `cube: ${toPlainText(why)} Going on${where} …\n`;
}

async function findTaskId(
  client: CubeClient,
  word: string | undefined,
): Promise<string | undefined> {
  if (word === undefined) return undefined;
  // A task that was pruned still has events.
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(word)) return word.toLowerCase();
  const { findTask } = await import('../find-task.ts');
  try {
    return (await findTask(client, word)).id;
  } catch (error) {
    const known = isCubeError(error, 'not-found') ? await findInLog(client, word) : undefined;
    if (known === undefined) throw error;
    return known;
  }
}

/** The newest task that the log tells of by this name, or by this beginning of an id. */
async function findInLog(client: CubeClient, word: string): Promise<string | undefined> {
  const isPrefix = /^[0-9a-f]{4}[0-9a-f-]*$/i.test(word);
  let found: string | undefined;
  for await (const { taskId, spec } of client.events({
    follow: false,
    types: ['task-submitted'],
  })) {
    const isMeant = spec?.name === word || (isPrefix && taskId?.startsWith(word.toLowerCase()));
    if (isMeant === true) found = taskId;
  }
  return found;
}

function describeEvent(event: EventReply): string {
  const subject = [
    event.taskId === undefined ? undefined : shortId(event.taskId),
    event.spec?.name,
    event.attempt === undefined ? undefined : `#${event.attempt}`,
    event.node === undefined ? undefined : `on ${event.node}`,
  ];
  const change =
    event.before === event.after ? undefined : `${event.before ?? ''}->${event.after ?? ''}`;
  const detail = [
    event.status?.progress,
    event.status?.health,
    event.reason?.message,
    event.status?.ports?.map(formatPort).join(' '),
  ];
  const parts = [
    String(event.revision).padStart(6),
    event.time,
    event.type,
    ...subject,
    change,
    ...detail,
  ].filter((part) => part !== undefined && part !== null && part !== '');
  return toPlainText(parts.join('  '));
}

function parseRevision(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new CubeError('configuration', `--after is ${quoteText(text)}; want a revision.`, {
    hint: 'For example: --after 120, with the number at the beginning of an event.',
  });
}
