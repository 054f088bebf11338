import type { EventDraft } from '../event/event.ts';
import type { Reason } from '../task/reason.ts';
import type { Task } from '../task/task.ts';

/** The node that is down, and since when nothing of it is known, as RFC 3339. */
export interface LostNode {
  readonly node: string;
  readonly time: string;
}

/**
 * What becomes of a placed task whose node is down: nothing if it waits for its node, otherwise
 * the attempt is given up, whatever its restart policy, since it did not end by its own doing.
 */
export function judgeNodeLost(task: Task, lost: LostNode): EventDraft | undefined {
  const { node, time } = lost;
  const wasToStop = task.status.desired === 'stopped';
  if (task.spec.onNodeLost === 'wait' && !wasToStop) return undefined;
  const reason: Reason = {
    code: 'node-lost',
    message: `Node ${node} is down; what became of the attempt there is unknown.`,
  };
  return {
    type: wasToStop ? 'task-completed' : 'task-failed',
    taskId: task.id,
    attempt: task.status.attempt,
    node,
    status: {
      reason,
      progress: null,
      exitCode: 'unknown',
      finishedAt: time,
      ...(wasToStop ? { state: 'completed' } : { state: 'failed', restartDelayMs: 0 }),
    },
    reason,
    cause: `silence of ${node}`,
    correlationId: `${task.id}/${task.status.attempt}`,
    actor: 'manager',
  };
}
