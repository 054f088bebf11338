import type { Command } from 'commander';
import type { CubeClient, Moment, TaskFilter } from '../../client/cube-client.ts';
import type { TaskReply } from '../../link/replies.ts';
import { taskStates } from '../../task/task-state.ts';
import { formatAge } from '../age.ts';
import type { CliIo } from '../cli-io.ts';
import { type Colors, createColors } from '../colors.ts';
import { type CommandContext, once, repeated } from '../command-context.ts';
import { describeMoment } from '../describe-moment.ts';
import { describeState, formatPorts, shortId } from '../describe-task.ts';
import { readLabels, readStates } from '../filter-flags.ts';
import { addManagerOptions, connect, type ManagerFlags, toJson } from '../manager-options.ts';
import { parseMoment } from '../parse-moment.ts';
import { shorten } from '../plain-text.ts';
import { formatTable } from '../table.ts';
import { commandName } from '../typed-command.ts';

interface StatusFlags extends ManagerFlags {
  readonly state?: readonly string[];
  readonly name?: string;
  readonly node?: string;
  readonly label?: readonly string[];
  readonly all?: boolean;
  readonly at?: string;
}

/** Ended tasks that are shown unless all are asked for. */
const ENDED_SHOWN = 20;

const HELP = `
Without filters, the newest ${ENDED_SHOWN} of the tasks that have ended are shown; --all shows every one.
A task on a node that is silent is shown as unknown, and since when.

Examples:
  cube status
  cube status web
  cube status --state running --node worker-1 --json
  cube status --at "10 minutes ago"       as it was then; also 03:00, or a revision`;

/** `cube status`: what there is, in which state, and what it waits for. */
export function defineStatus(program: Command, context: CommandContext): void {
  const command = program
    .command('status')
    .description('list tasks, or show one')
    .argument('[task]', 'a name, an id, or the beginning of one')
    .addOption(
      repeated('-s, --state <state>', `only tasks in this state: ${taskStates.join(', ')}`),
    )
    .addOption(once('--name <name>', 'only tasks with this name'))
    .addOption(once('--node <node>', 'only tasks on this node'))
    .addOption(repeated('--label <key=value>', 'only tasks with this label'))
    .option('-a, --all', 'show every task that has ended')
    .addOption(once('--at <moment>', 'as it was then: "10 minutes ago", 03:00, a revision'));
  addManagerOptions(command).addHelpText('after', HELP);
  command.action(async (word: string | undefined, flags: StatusFlags) => {
    const { io } = context;
    const filter = toFilter(flags);
    const at = flags.at === undefined ? undefined : parseMoment('--at', flags.at, io.clock.now());
    const client = await connect(io, flags);
    const all = flags.all === true;
    const { tasks, hiddenCount } = await read(client, { word, filter, all, at });
    if (flags.json === true) {
      await io.stdout.write(toJson(word === undefined ? tasks : (tasks.at(-1) ?? null)));
      return;
    }
    await show(io, tasks, at);
    if (hiddenCount > 0) {
      const cube = commandName(io.environment);
      await io.stderr.write(`${hiddenCount} more have ended: "${cube} status --all" shows them.\n`);
    }
  });
}

interface Question {
  readonly word: string | undefined;
  readonly filter: TaskFilter;
  readonly all: boolean;
  readonly at: Moment | undefined;
}

async function read(
  client: CubeClient,
  question: Question,
): Promise<{ readonly tasks: readonly TaskReply[]; readonly hiddenCount: number }> {
  const { word, filter, all, at } = question;
  if (word !== undefined) {
    const { findTasks } = await import('../find-task.ts');
    return { tasks: await findTasks(client, word, { at }), hiddenCount: 0 };
  }
  const { isFinal } = await import('../../task/task.ts');
  const tasks = await Array.fromAsync(client.list(filter, { at }));
  const ended = tasks.filter(isFinal);
  const isFiltered = Object.values(filter).some((value) => value !== undefined);
  if (all || isFiltered || ended.length <= ENDED_SHOWN) return { tasks, hiddenCount: 0 };
  const hidden = new Set(ended.slice(0, -ENDED_SHOWN));
  return { tasks: tasks.filter((task) => !hidden.has(task)), hiddenCount: hidden.size };
}

function toFilter(flags: StatusFlags): TaskFilter {
  return {
    states: readStates(flags.state),
    name: flags.name,
    node: flags.node,
    labels: readLabels(flags.label),
  };
}

async function show(io: CliIo, tasks: readonly TaskReply[], at: Moment | undefined): Promise<void> {
  if (tasks.length === 0 && at !== undefined) {
    await io.stderr.write(`There were no tasks at ${describeMoment(at)}.\n`);
    return;
  }
  if (tasks.length === 0) {
    const cube = commandName(io.environment);
    await io.stderr.write(`No tasks. Run one: ${cube} run --name job -- sleep 600\n`);
    return;
  }
  if (at !== undefined) await io.stderr.write(`As of ${describeMoment(at)}:\n`);
  // Ages are those of then too; of a revision the moment is not known, and they are those of now.
  const now = typeof at === 'string' ? Date.parse(at) : io.clock.now();
  await io.stdout.write(formatTasks(io, tasks, now));
}

/** Longer words than these are for "cube inspect" and "cube explain". */
const STATE_WIDTH_MAX = 90;

/** The table of tasks, in the order given. */
export function formatTasks(io: CliIo, tasks: readonly TaskReply[], now = io.clock.now()): string {
  const colors = createColors(io.stdout, io.environment);
  const columns = [
    { title: 'ID' },
    { title: 'NAME', widthMin: 8 },
    { title: 'STATE', widthMin: 12 },
    { title: 'NODE', widthMin: 8 },
    { title: 'PORTS', widthMin: 8 },
    { title: 'RESTARTS', align: 'right' },
    { title: 'AGE', align: 'right' },
  ] as const;
  const rows = tasks.map((task) => [
    shortId(task.id),
    task.spec.name,
    shorten(describeState(task, now), STATE_WIDTH_MAX),
    task.status.node ?? '-',
    formatPorts(task) || '-',
    String(task.status.restartCount),
    formatAge(task.createdAt, now),
  ]);
  return formatTable(columns, rows, {
    width: io.stdout.columns,
    paint: (text, { title, row }) => {
      if (row === -1) return colors.bold(text);
      return title === 'STATE' ? paintState(colors, text) : text;
    },
  });
}

function paintState(colors: Colors, text: string): string {
  if (text.startsWith('running'))
    return text.includes('un') && text.includes('unhealthy')
      ? colors.red(text)
      : colors.green(text);
  if (text.startsWith('failed')) return colors.red(text);
  if (/^(unknown|pending|scheduled)/.test(text)) return colors.yellow(text);
  return colors.dim(text);
}
