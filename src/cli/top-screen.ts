import type { NodeReply, TaskReply, UsageReply } from '../link/replies.ts';
import type { Colors } from './colors.ts';
import { describeState, shortId } from './describe-task.ts';
import { countOf, shorten, widthOf } from './plain-text.ts';
import { formatTable } from './table.ts';

/** What is known of the cluster at one look. */
export interface TopView {
  readonly nodes: readonly NodeReply[];
  readonly tasks: readonly TaskReply[];
  readonly usage: UsageReply;
  /** Milliseconds of the wall clock. */
  readonly now: number;
}

export const topOrders = ['cpu', 'memory', 'name', 'node', 'state', 'restarts'] as const;

export type TopOrder = (typeof topOrders)[number];

/** The key of each order. */
export const orderKeys: Readonly<Record<string, TopOrder>> = {
  c: 'cpu',
  m: 'memory',
  n: 'name',
  o: 'node',
  s: 'state',
  r: 'restarts',
};

export interface TopLayout {
  readonly order: TopOrder;
  readonly colors: Colors;
  /** Of the terminal; without it everything is shown, as wide as it is. */
  readonly size?: { readonly columns: number; readonly rows: number };
  /** Tasks passed over at the beginning. */
  readonly offset: number;
  /** Shown in place of the keys: that the manager does not answer, say. */
  readonly problem?: string | undefined;
}

export interface TopRow {
  readonly task: TaskReply;
  /** Absent where its node does not tell. */
  readonly cpu: number | undefined;
  readonly memory: number | undefined;
}

/** Tasks with their use, in an order; those of equal rank by name. */
export function topRows(view: TopView, order: TopOrder): readonly TopRow[] {
  const byTask = new Map(view.usage.items.map((one) => [`${one.taskId} ${one.attempt}`, one]));
  const rows = view.tasks.map((task) => {
    const usage = byTask.get(`${task.id} ${task.status.attempt}`);
    return { task, cpu: usage?.cpu, memory: usage?.memory };
  });
  const compare = comparisons[order];
  return rows.sort((a, b) => compare(a, b) || byText((row) => row.task.spec.name)(a, b));
}

type Comparison = (a: TopRow, b: TopRow) => number;

const byNumber =
  (read: (row: TopRow) => number | undefined): Comparison =>
  (a, b) =>
    (read(b) ?? -1) - (read(a) ?? -1);

const byText =
  (read: (row: TopRow) => string): Comparison =>
  (a, b) => {
    const [one, other] = [read(a), read(b)];
    if (one === other) return 0;
    return one < other ? -1 : 1;
  };

const comparisons: Readonly<Record<TopOrder, Comparison>> = {
  cpu: byNumber((row) => row.cpu),
  memory: byNumber((row) => row.memory),
  name: byText((row) => row.task.spec.name),
  node: byText((row) => row.task.status.node ?? ''),
  state: byText((row) => row.task.status.state),
  restarts: byNumber((row) => row.task.status.restartCount),
};

const KEYS = 'q quit  ↑↓ scroll  sort: c cpu  m memory  n name  o node  s state  r restarts';

/** The screen as lines, no more of them and none wider than the terminal. */
export function layOutTop(view: TopView, layout: TopLayout): readonly string[] {
  const { size, colors, offset, order, problem } = layout;
  const head = colors.bold(describeCluster(view));
  // Nodes get a third of the screen at most: tasks are what is looked for.
  const nodeMax =
    size === undefined ? Number.POSITIVE_INFINITY : Math.max(1, Math.floor(size.rows / 3) - 2);
  const nodes = layOutNodes(view, nodeMax, layout);
  const rows = topRows(view, order);
  const used = 1 + nodes.length + 1 + 1 + 1;
  const room = size === undefined ? rows.length : Math.max(1, size.rows - used);
  const start = Math.min(offset, Math.max(0, rows.length - room));
  const tasks = layOutTasks(rows.slice(start, start + room), view, layout);
  const lines = [head, ...nodes, '', ...tasks];
  if (size === undefined) return lines;
  const shown = lines.slice(0, size.rows - 1);
  const padding = Array.from({ length: size.rows - 1 - shown.length }, () => '');
  const foot =
    problem === undefined
      ? colors.dim(shorten(KEYS, size.columns))
      : colors.red(shorten(problem, size.columns));
  return [...shown, ...padding, foot].map((line) => cut(line, size.columns));
}

/** Colours end where they began, so a line with them is only cut where it is too long. */
function cut(line: string, columns: number): string {
  return widthOf(line) <= columns ? line : shorten(line, columns);
}

function describeCluster({ nodes, tasks, usage, now }: TopView): string {
  const counts = new Map<string, number>();
  for (const { status } of tasks) counts.set(status.state, (counts.get(status.state) ?? 0) + 1);
  const states = [...counts].map(([state, count]) => `${count} ${state}`);
  const silent = usage.silent.length === 0 ? [] : [`no word from ${usage.silent.join(', ')}`];
  const time = new Date(now).toTimeString().slice(0, 8);
  return [`cube top ${time}`, countOf(nodes.length, 'node'), ...states, ...silent].join(' · ');
}

const BAR_WIDTH = 12;

function layOutNodes(
  view: TopView,
  countMax: number,
  { colors, size }: TopLayout,
): readonly string[] {
  const shown = view.nodes.slice(0, countMax);
  const columns = [
    { title: 'NODE', widthMin: 8 },
    { title: 'STATE' },
    { title: 'CPU' },
    { title: '', align: 'right' },
    { title: 'MEMORY' },
    { title: '', align: 'right' },
    { title: 'TASKS', align: 'right' },
  ] as const;
  const rows = shown.map((node) => {
    const { capacity, stats, taskCount } = node;
    const cpu = stats?.used.cpu;
    const memory = stats?.used.memory;
    return [
      node.name,
      node.draining && node.liveness === 'up' ? 'draining' : node.liveness,
      bar(cpu, capacity.cpu),
      cpu === undefined ? '-' : `${cpu.toFixed(1)}/${capacity.cpu}`,
      bar(memory, capacity.memory),
      memory === undefined ? '-' : `${formatSize(memory)}/${formatSize(capacity.memory)}`,
      String(taskCount),
    ];
  });
  const paint = (
    text: string,
    { title, row }: { readonly title: string; readonly row: number },
  ): string => {
    if (row === -1) return colors.bold(text);
    if (title === 'STATE') return text.startsWith('up') ? colors.green(text) : colors.yellow(text);
    return text;
  };
  const lines = formatTable(columns, rows, { width: size?.columns, paint }).trimEnd().split('\n');
  const left = view.nodes.length - shown.length;
  return left === 0 ? lines : [...lines, colors.dim(`… and ${countOf(left, 'more node')}`)];
}

/** `[|||||     ]`; empty where nothing is known. */
export function bar(used: number | undefined, capacity: number): string {
  const share = used === undefined || capacity <= 0 ? 0 : Math.min(1, Math.max(0, used / capacity));
  return `[${'|'.repeat(Math.round(share * BAR_WIDTH)).padEnd(BAR_WIDTH)}]`;
}

function layOutTasks(rows: readonly TopRow[], view: TopView, layout: TopLayout): readonly string[] {
  const { colors, size, order } = layout;
  const title = (name: string, one: TopOrder): string => (one === order ? `${name}▼` : name);
  const columns = [
    { title: 'ID' },
    { title: title('NAME', 'name'), widthMin: 8 },
    { title: title('CPU', 'cpu'), align: 'right' },
    { title: title('MEMORY', 'memory'), align: 'right' },
    { title: title('NODE', 'node'), widthMin: 6 },
    { title: title('RESTARTS', 'restarts'), align: 'right' },
    { title: title('STATE', 'state'), widthMin: 8 },
  ] as const;
  const cells = rows.map(({ task, cpu, memory }) => [
    shortId(task.id),
    task.spec.name,
    cpu === undefined ? '-' : `${(cpu * 100).toFixed(0)}%`,
    memory === undefined ? '-' : formatSize(memory),
    task.status.node ?? '-',
    String(task.status.restartCount),
    describeState(task, view.now),
  ]);
  const paint = (text: string, place: { readonly row: number }): string =>
    place.row === -1 ? colors.bold(text) : text;
  return formatTable(columns, cells, { width: size?.columns, paint }).trimEnd().split('\n');
}

/** `512 B`, `1.5 GiB`: three digits at most. */
export function formatSize(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let value = bytes;
  let index = 0;
  while (value >= 999.5 && index < units.length - 1) {
    value /= 1024;
    index += 1;
  }
  const digits = index === 0 || value >= 99.95 ? 0 : 1;
  return `${value.toFixed(digits)} ${units[index]}`;
}
