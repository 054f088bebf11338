import { CubeError } from '../errors/cube-error.ts';
import type { EventDraft } from '../event/event.ts';
import type { Ended } from '../link/protocol.ts';
import type { Reason } from '../task/reason.ts';
import { isFinal, isPlaced, type Task } from '../task/task.ts';
import type { TaskStatus, TaskStatusPatch } from '../task/task-status.ts';

/*
 * An attempt can be asked to give its place to the next one: it is stopped, and the task then waits
 * for a node as a new one does. Nothing runs twice at a time by it.
 */

/** Who asks for a task to be restarted. */
export interface RestartRequest {
  readonly requestId: string;
}

const BY_USER: Reason = { code: 'restarted-by-user', message: 'It is restarted, as asked.' };

/**
 * The user wants the next attempt of a task, now: the current one ends first; a back-off is cut
 * short, and what failed for good is tried again. Nothing, when it waits for a node already.
 *
 * @throws CubeError `conflict`, when it was stopped or has completed: that is never undone.
 */
export function restartDrafts(task: Task, { requestId }: RestartRequest): readonly EventDraft[] {
  const { status } = task;
  if (status.desired === 'stopped' || status.state === 'completed') {
    const what = status.desired === 'stopped' ? 'was stopped' : 'has completed';
    throw new CubeError('conflict', `Task ${task.id} ${what}, and does not run again.`, {
      hint: 'Submit it once more, under another id.',
    });
  }
  const origin = {
    cause: `request ${requestId}`,
    correlationId: requestId,
    actor: 'user',
  };
  if (isPlaced(task)) return replacementDrafts(task, { reason: BY_USER, asked: true }, origin);
  if (status.state === 'pending') return [];
  const isDue = status.restartDelayMs === 0;
  if (isDue) return [];
  return [
    {
      type: 'task-restart-requested',
      taskId: task.id,
      attempt: status.attempt,
      ...(status.node === undefined ? {} : { node: status.node }),
      // Whoever asks again means it: earlier failures do not count any more.
      status: { restartDelayMs: 0, recentRestartCount: 0 },
      reason: BY_USER,
      ...origin,
    },
  ];
}

/** Has a placed task leave the node that is drained; nothing when that is under way. */
export function drainDrafts(task: Task, node: string): readonly EventDraft[] {
  const reason: Reason = {
    code: 'node-drained',
    message: `Node ${node} is drained, so it moves.`,
  };
  return replacementDrafts(
    task,
    { reason },
    {
      cause: `draining of ${node}`,
      correlationId: `${task.id}/${task.status.attempt}`,
      actor: 'manager',
    },
  );
}

function replacementDrafts(
  task: Task,
  why: { readonly reason: Reason; readonly asked?: true },
  origin: Pick<EventDraft, 'cause' | 'correlationId' | 'actor'>,
): readonly EventDraft[] {
  const { attempt, node, replacing } = task.status;
  if (node === undefined) return [];
  const before = replacing?.attempt === attempt ? replacing : undefined;
  // What was asked for is held to; a move that a user asks for as well stays a move.
  if (before !== undefined && (isAsked(before) || why.asked !== true)) return [];
  return [
    {
      type: 'task-restart-requested',
      taskId: task.id,
      attempt,
      node,
      status: { replacing: { attempt, node, ...why, ...before } },
      reason: why.reason,
      ...origin,
    },
  ];
}

type Replacing = NonNullable<TaskStatus['replacing']>;

/** Whether a user wants the next attempt; events of 0.1.0 say it by their reason alone. */
function isAsked({ asked, reason }: Replacing): boolean {
  return asked === true || reason.code === BY_USER.code;
}

/** Whether the attempt that runs now is the one for which another had to give its place. */
export function hasReplaced({ replacing, attempt }: TaskStatus): boolean {
  return replacing !== undefined && replacing.attempt < attempt;
}

/**
 * Whether the end of the current attempt makes room for the next one. What ended of its own accord
 * while its node was drained has ended as it would have anywhere.
 */
export function isDisplaced({ status }: Task, ended: Ended): boolean {
  const { replacing, attempt } = status;
  if (replacing?.attempt !== attempt) return false;
  return isAsked(replacing) || ended.reason.code !== 'exited';
}

/** The task as it waits for the node of its next attempt. */
export function displacedPatch({ status }: Task, facts: TaskStatusPatch): TaskStatusPatch {
  const { replacing } = status;
  return {
    ...facts,
    state: 'pending',
    reason: replacing?.reason ?? null,
    ports: null,
    health: null,
    restartDelayMs: null,
  };
}

/** Whether a task is on its way from the node: to be ended there, or not running elsewhere yet. */
export function isLeaving(task: Task, node: string): boolean {
  const { replacing } = task.status;
  return replacing?.node === node && replacing.reason.code === 'node-drained' && !isFinal(task);
}
