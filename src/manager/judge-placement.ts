import type { EventDraft } from '../event/event.ts';
import { type Placement, rejectionCodes } from '../task/placement.ts';
import type { Reason } from '../task/reason.ts';
import type { Task } from '../task/task.ts';
import { clearedByNewAttempt } from '../task/task-status.ts';

/** The event that a placement decision becomes when it has chosen a node. */
export function placementDraft(task: Task, node: string, context: PlacementContext): EventDraft {
  const attempt = Math.max(task.status.attempt, context.attemptFloor ?? 0) + 1;
  const isRestart = task.status.attempt > 0;
  return {
    type: 'task-scheduled',
    taskId: task.id,
    attempt,
    node,
    status: {
      ...clearedByNewAttempt,
      state: 'scheduled',
      attempt,
      node,
      scheduledAt: context.time,
      ...(isRestart ? { restartCount: task.status.restartCount + 1 } : {}),
    },
    placement: context.placement,
    cause: `revision ${task.revision}`,
    correlationId: `${task.id}/${attempt}`,
    actor: 'scheduler',
  };
}

export interface PlacementContext {
  readonly placement: Placement;
  /**
   * Numbers up to here may have been used by attempts of which the log knows nothing, since it was
   * restored from a backup. Default 0.
   */
  readonly attemptFloor?: number;
  /** RFC 3339. */
  readonly time: string;
}

/**
 * The event that says why a task waits; undefined when that has been said already. Numbers change
 * all the time, so only another set of reasons is news; the numbers of now are there on request.
 */
export function waitingDraft(
  task: Task,
  placement: Placement,
  reason: Reason,
): EventDraft | undefined {
  const said = task.status.reason;
  if (said !== undefined && isSameKind(said, reason)) return undefined;
  return {
    type: 'task-waiting',
    taskId: task.id,
    attempt: task.status.attempt,
    status: { reason },
    placement,
    reason,
    cause: `revision ${task.revision}`,
    correlationId: `${task.id}/${task.status.attempt}`,
    actor: 'scheduler',
  };
}

/**
 * Whether what was said names the same codes as what is so now, whatever their numbers. That some
 * node is no longer up counts only where nothing else is in the way: nodes come and go, and each
 * time all that wait for something else as well would have news. That no node is down any more
 * counts once: else one that is up would be called unreachable for as long as the task waits.
 */
function isSameKind(said: Reason, now: Reason): boolean {
  if (said.code !== now.code || kindOf(said) !== kindOf(now)) return false;
  return !tellsOfNodesDown(said) || tellsOfNodesDown(now);
}

function tellsOfNodesDown({ details = {} }: Reason): boolean {
  return 'not-up' in details;
}

function kindOf({ details = {} }: Reason): string {
  const codes = rejectionCodes.filter((code) => code in details);
  const others = codes.filter((code) => code !== 'not-up');
  return (others.length === 0 ? codes : others).join();
}
