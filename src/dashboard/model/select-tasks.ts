import { type TaskState, taskStates } from '../../task/task-state.ts';
import type { TaskRow } from './task-row.ts';

const taskSortKeys = ['name', 'state', 'node', 'memory', 'restarts', 'created'] as const;

export type TaskSortKey = (typeof taskSortKeys)[number];

/** What the list of tasks shows, and in which order. */
export interface TaskSelection {
  /** Empty: every state. */
  readonly states: readonly TaskState[];
  /** Empty: every node. */
  readonly node: string;
  /** Words that must all be there, wherever. */
  readonly search: string;
  readonly sort: TaskSortKey;
  readonly isDescending: boolean;
}

/** Reads a selection from an address; what is not understood is left out. */
export function parseSelection(query: URLSearchParams): TaskSelection {
  const states = (query.get('state') ?? '').split(',');
  const given = query.get('sort') ?? '-created';
  const key = given.replace(/^-/, '');
  const sort = taskSortKeys.find((one) => one === key);
  return {
    states: taskStates.filter((state) => states.includes(state)),
    node: query.get('node') ?? '',
    search: query.get('q') ?? '',
    sort: sort ?? 'created',
    isDescending: sort === undefined || given.startsWith('-'),
  };
}

/** The rows that fit, sorted. */
export function selectTasks(
  rows: readonly TaskRow[],
  selection: TaskSelection,
): readonly TaskRow[] {
  const { states, node, search } = selection;
  const words = search
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '');
  const found = rows.filter(
    (row) =>
      (states.length === 0 || states.includes(row.status.state)) &&
      (node === '' || row.status.node === node) &&
      words.every((word) => contains(row, word)),
  );
  return found.sort(orderOf(selection));
}

function contains({ searchText, status }: TaskRow, word: string): boolean {
  return (
    searchText.includes(word) ||
    status.node?.toLowerCase().includes(word) === true ||
    status.reason?.message.toLowerCase().includes(word) === true
  );
}

const values: Readonly<Record<TaskSortKey, (row: TaskRow) => string | number>> = {
  name: ({ name }) => name.toLowerCase(),
  state: ({ status }) => taskStates.indexOf(status.state),
  node: ({ status }) => status.node ?? '',
  memory: ({ memory }) => memory,
  restarts: ({ status }) => status.restartCount,
  created: ({ createdRevision }) => createdRevision,
};

/** Equal ones stay in one order, the newest first, so that rows do not jump about. */
function orderOf({ sort, isDescending }: TaskSelection): (a: TaskRow, b: TaskRow) => number {
  const read = values[sort];
  const sign = isDescending ? -1 : 1;
  return (a, b) => {
    const left = read(a);
    const right = read(b);
    if (left < right) return -sign;
    if (left > right) return sign;
    return b.createdRevision - a.createdRevision;
  };
}
