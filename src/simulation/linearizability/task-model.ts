import type { SequentialModel } from './linearize.ts';

/** What a task must look like from outside: nothing of where it runs, all of what was asked. */
export interface TaskModelState {
  readonly phase: 'absent' | 'present' | 'pruned';
  readonly isStopped: boolean;
  /** The newest revision that anybody was shown. */
  readonly revision: number;
}

/**
 * A request about one task and what came of it. A submission or a stop says with its reply both
 * what it has done and how the task is by then; the latter counts as a read of its own.
 */
export type TaskAction =
  | { readonly type: 'submit'; readonly outcome: 'created' | 'existed' | 'pruned' | 'unknown' }
  | {
      readonly type: 'stop';
      /** `ended`: it had ended before, and nothing was left to stop. */
      readonly outcome: 'stopped' | 'ended' | 'not-found' | 'pruned' | 'unknown';
    }
  | { readonly type: 'read'; readonly outcome: TaskSight | 'not-found' | 'pruned' };

/** What a reply shows of a task. */
export interface TaskSight {
  readonly revision: number;
  readonly isStopped: boolean;
}

/**
 * One task as a single copy would be: it is there from its submission on, stopped from its first
 * stop on, and never shown as it was before. Meanwhile its revision grows by itself, and once it
 * has ended it may be pruned.
 */
export const taskModel: SequentialModel<TaskModelState, TaskAction> = {
  initial: { phase: 'absent', isStopped: false, revision: 0 },
  apply: (state, action) => {
    if (action.outcome === 'pruned') return pruned(state);
    if (action.outcome === 'not-found') return state.phase === 'absent' ? state : undefined;
    switch (action.type) {
      case 'submit':
        return submitted(state, action.outcome);
      case 'stop':
        return stopped(state, action.outcome);
      case 'read':
        return seen(state, action.outcome);
    }
  },
  keyOf: ({ phase, isStopped, revision }) => `${phase} ${isStopped} ${revision}`,
};

function submitted(
  state: TaskModelState,
  outcome: 'created' | 'existed' | 'unknown',
): TaskModelState | undefined {
  if (state.phase === 'absent') {
    return outcome === 'existed' ? undefined : { ...state, phase: 'present' };
  }
  if (outcome === 'unknown') return state;
  return outcome === 'existed' && state.phase === 'present' ? state : undefined;
}

function stopped(
  state: TaskModelState,
  outcome: 'stopped' | 'ended' | 'unknown',
): TaskModelState | undefined {
  if (state.phase !== 'present') return outcome === 'unknown' ? state : undefined;
  if (outcome === 'ended' || state.isStopped) return state;
  return { ...state, isStopped: true };
}

function seen(
  state: TaskModelState,
  { revision, isStopped }: TaskSight,
): TaskModelState | undefined {
  const isPossible =
    state.phase === 'present' && revision >= state.revision && isStopped === state.isStopped;
  if (!isPossible) return undefined;
  return revision === state.revision ? state : { ...state, revision };
}

/** Where it was there before, it may have been pruned by now. */
function pruned(state: TaskModelState): TaskModelState | undefined {
  if (state.phase === 'absent') return undefined;
  return state.phase === 'pruned' ? state : { ...state, phase: 'pruned' };
}
