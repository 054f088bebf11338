import type { Task } from './task.ts';
import type { TaskSpec } from './task-spec.ts';

/** A task as it is handed in, to a manager or to a worker directly. */
export interface Submission {
  /** Chosen by the client so that it can repeat the request; made here if absent. */
  readonly id?: string | undefined;
  readonly spec: TaskSpec;
}

export interface Submitted {
  readonly task: Task;
  /** False when the task was there already. */
  readonly created: boolean;
}
