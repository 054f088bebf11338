import { assert } from '../lib/assert.ts';
import type { Node, NodePatch } from '../node/node.ts';
import type { Task } from '../task/task.ts';
import { isTransitionAllowed } from '../task/task-state.ts';
import { withPatch } from '../task/task-status.ts';
import type { CubeEvent } from './event.ts';

/**
 * After a restore, attempts are numbered from above this or more: a placement leaves out the
 * numbers that may have been used since the backup.
 */
export const RESTORED_ATTEMPT_MIN = 1_000_000_000;

/**
 * The task after `event`: the only way in which a task comes to be or changes. Pure, so that the
 * state at any revision can be computed again from the log.
 *
 * @returns undefined when the event removes the task.
 * @throws Error when the event breaks the table of transitions or the count of attempts.
 */
export function foldTask(task: Task | undefined, event: CubeEvent): Task | undefined {
  if (event.type === 'task-pruned') return undefined;
  if (task === undefined) return firstTask(event);
  const status = withPatch(task.status, event.status ?? {});
  const from = task.status;
  assert(
    isTransitionAllowed(from.state, status.state),
    `task ${task.id} may go from ${from.state} to ${status.state}`,
  );
  const step = status.attempt - from.attempt;
  const isAfterRestore = step > 1 && status.attempt > RESTORED_ATTEMPT_MIN;
  const isStep = step === 0 || step === 1 || isAfterRestore;
  assert(isStep, `attempts of task ${task.id} grow by one, not by ${step}`);
  assert(
    from.state !== 'failed' || status.state !== 'scheduled' || step >= 1,
    `task ${task.id} leaves failed only for a new attempt`,
  );
  return Object.freeze({ ...task, status, revision: event.revision });
}

function firstTask(event: CubeEvent): Task {
  const { taskId, spec, status } = event;
  assert(taskId !== undefined && spec !== undefined, 'the first event of a task carries its spec');
  return Object.freeze({
    id: taskId,
    spec,
    status: withPatch(
      { state: 'pending', desired: 'running', attempt: 0, restartCount: 0 },
      status ?? {},
    ),
    createdAt: event.time,
    createdRevision: event.revision,
    revision: event.revision,
  });
}

/** The node after `event`, as `foldTask` for tasks. */
export function foldNode(node: Node | undefined, event: CubeEvent): Node {
  assert(
    node !== undefined || event.type === 'node-joined',
    `the first event of node ${event.node} says that it joined`,
  );
  const next: Record<string, unknown> = { ...node };
  for (const [field, value] of Object.entries(event.facts ?? ({} satisfies NodePatch))) {
    if (value === null) delete next[field];
    else if (value !== undefined) next[field] = value;
  }
  next['revision'] = event.revision;
  return Object.freeze(next) as unknown as Node;
}
