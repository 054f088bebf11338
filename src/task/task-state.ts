/** The life of a task, in the reference's words. */
export const taskStates = ['pending', 'scheduled', 'running', 'completed', 'failed'] as const;

export type TaskState = (typeof taskStates)[number];

/**
 * The only permitted changes of state. A step to the same state means that something else of the
 * status changed. `failed` is left only for a new attempt; `completed` is never left.
 */
const transitions: Readonly<Record<TaskState, readonly TaskState[]>> = {
  // Completed: stopped before it was placed. Failed: it can never run.
  pending: ['pending', 'scheduled', 'completed', 'failed'],
  // Completed: stopped, or finished before the report that it ran arrived. Pending: it gave its
  // place to the next attempt.
  scheduled: ['scheduled', 'running', 'completed', 'failed', 'pending'],
  // Scheduled: placed anew, as the next attempt. Pending: as above.
  running: ['running', 'completed', 'failed', 'scheduled', 'pending'],
  // Failed: waits for its restart, or the reason why no node takes it changed.
  failed: ['failed', 'scheduled'],
  completed: [],
};

/** Whether a task may go from one state to the other. */
export function isTransitionAllowed(from: TaskState, to: TaskState): boolean {
  return transitions[from].includes(to);
}

/** What the user wants of a task: that it runs (to its end), or that it does not. */
export const desiredStates = ['running', 'stopped'] as const;

export type DesiredState = (typeof desiredStates)[number];
