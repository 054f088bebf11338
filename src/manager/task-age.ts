import type { Node } from '../node/node.ts';
import { isPlaced, type Task } from '../task/task.ts';

/** A task, with the time since when nothing is known of it, if its node is silent. */
export interface TaskWithAge {
  readonly task: Task;
  readonly observedAt?: string;
}

/** What is known of a task is as old as the last word of its node. */
export function withAge(task: Task, node: Node | undefined): TaskWithAge {
  const isSilent = isPlaced(task) && node !== undefined && node.liveness !== 'up';
  return isSilent ? { task, observedAt: node.livenessSince } : { task };
}
