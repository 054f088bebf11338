import type { CubeEvent } from '../event/event.ts';
import { redactSpec, type Task } from '../task/task.ts';
import type { Difference, NodeView, PlannedTask, TaskView } from './manager-service.ts';

/*
 * Tasks and events come to the routes with their secrets. These functions are the only way out:
 * nothing of a task or an event is sent that has not been through them.
 */

/** A task as replies show it. */
export function toTaskReply(task: Task, observedAt?: string): object {
  const shown = { ...task, spec: redactSpec(task.spec) };
  return observedAt === undefined ? shown : { ...shown, observedAt };
}

/** As `toTaskReply`, for a task with the age of what is known of it. */
export function toTaskViewReply(view: TaskView): object {
  return toTaskReply(view.task, view.observedAt);
}

/** An event as replies show it. */
export function toEventReply(event: CubeEvent): object {
  return event.spec === undefined ? event : { ...event, spec: redactSpec(event.spec) };
}

/** A planned task as replies show it. */
export function toPlannedReply({ existing, ...planned }: PlannedTask): object {
  if (existing === undefined) return planned;
  return { ...planned, existing: { ...existing, task: toTaskReply(existing.task) } };
}

/** A node as replies show it. */
export function toNodeReply({ node, ...rest }: NodeView): object {
  return { ...node, ...rest };
}

/** Tasks that a difference shows at most. */
const CHANGED_TASKS_MAX = 1000;

/** A difference as replies show it: with so many tasks, and the number of all. */
export function toDifferenceReply({ tasks, ...difference }: Difference): object {
  const items = tasks.slice(0, CHANGED_TASKS_MAX).map(({ from, to }) => ({
    ...(from === undefined ? {} : { from: toTaskReply(from) }),
    ...(to === undefined ? {} : { to: toTaskReply(to) }),
  }));
  return { ...difference, tasks: items, changedTaskCount: tasks.length };
}
