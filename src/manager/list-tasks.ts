import { createHash } from 'node:crypto';
import { CubeError } from '../errors/cube-error.ts';
import { describeValue } from '../errors/describe-value.ts';
import type { Task } from '../task/task.ts';
import type { TaskState } from '../task/task-state.ts';

/** A page ends, whatever its limit, when its tasks are about this long as JSON, in characters. */
const PAGE_LENGTH_MAX = 8 * 1024 ** 2;

/** Which tasks to list. */
export interface TaskFilter {
  readonly states?: readonly TaskState[];
  readonly name?: string;
  readonly node?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly limit: number;
  readonly cursor?: string;
}

/**
 * One page of the tasks that fit, in the order in which they were submitted. A cursor names the
 * place by the task's first revision, which never changes, so that no task is given twice or left
 * out however many come and go between two pages. A page of long tasks has fewer than the limit.
 *
 * @throws CubeError `invalid-input` when the cursor is not one of this query.
 */
export function listTasks(
  tasks: Iterable<Task>,
  filter: TaskFilter,
): { readonly items: readonly Task[]; readonly cursor?: string } {
  const after = filter.cursor === undefined ? 0 : readCursor(filter.cursor, filter);
  const items: Task[] = [];
  let length = 0;
  for (const task of tasks) {
    if (task.createdRevision <= after || !fits(task, filter)) continue;
    // One specification can be as long as a request, and a thousand of them are one reply.
    if (items.length === filter.limit || length > PAGE_LENGTH_MAX) {
      const last = items.at(-1)?.createdRevision ?? 0;
      return { items, cursor: writeCursor(last, filter) };
    }
    items.push(task);
    length += JSON.stringify(task).length;
  }
  return { items };
}

/** Whether the task is one of those that the filter names. */
export function fits(task: Task, filter: Omit<TaskFilter, 'limit'>): boolean {
  const { states, name, node, labels } = filter;
  if (states !== undefined && !states.includes(task.status.state)) return false;
  if (name !== undefined && task.spec.name !== name) return false;
  if (node !== undefined && task.status.node !== node) return false;
  if (labels === undefined) return true;
  return Object.entries(labels).every(([key, value]) => task.spec.labels[key] === value);
}

/** What must be the same on every page of a query, in few characters. */
function fingerprint(filter: TaskFilter): string {
  const { states = [], name = '', node = '', labels = {} } = filter;
  const query = JSON.stringify([[...states].sort(), name, node, Object.entries(labels).sort()]);
  return createHash('sha256').update(query).digest('base64url').slice(0, 16);
}

function writeCursor(revision: number, filter: TaskFilter): string {
  return Buffer.from(JSON.stringify([revision, fingerprint(filter)])).toString('base64url');
}

function readCursor(cursor: string, filter: TaskFilter): number {
  try {
    const [revision, query]: unknown[] = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    if (Number.isSafeInteger(revision) && query === fingerprint(filter)) return Number(revision);
  } catch {
    // Not JSON: not written by us.
  }
  throw new CubeError('invalid-input', 'The cursor is not valid here: start again without it.', {
    issues: [
      {
        field: 'cursor',
        got: describeValue(cursor, []),
        want: 'the cursor of this very query, or none',
      },
    ],
  });
}
