import type { EventDraft } from '../event/event.ts';
import { prunedMark, prunedMarkKey } from '../store/manager-repository.ts';
import { isFinal, type Task } from '../task/task.ts';
import type { ClusterState } from './cluster-state.ts';
import type { Committer } from './committer.ts';

/** Removals that share a transaction, so that none holds up other commits for long. */
export const PRUNE_BATCH = 500;

/**
 * Ids of pruned tasks that are kept. A submission that is repeated late, or a worker that comes
 * back late, may still speak of one; taken for a new task it would run a second time.
 */
const PRUNED_IDS_MAX = 100_000;

export interface PruneContext {
  readonly state: ClusterState;
  readonly committer: Committer;
  /** For the record of causes. */
  readonly cause: string;
  /** Default: the manager itself. */
  readonly actor?: EventDraft['actor'];
}

/**
 * Removes tasks that have ended for good, in one transaction; those that are gone already, or that
 * are not over after all, are passed over.
 *
 * @param ids at most `PRUNE_BATCH`.
 * @returns the tasks as they were.
 */
export async function pruneTasks(
  ids: readonly string[],
  { state, committer, ...why }: PruneContext,
): Promise<readonly Task[]> {
  const excess = Math.max(0, state.prunedIds.size + ids.length - PRUNED_IDS_MAX);
  const forgotten = [...state.prunedIds.values().take(excess)];
  const pruned = await committer.commit((view) => {
    const tasks = ids.map((id) => view.findTask(id)).filter((task) => task !== undefined);
    const ended = tasks.filter(isFinal);
    const put = ended.map(({ id }) => prunedMark(id, state.revision));
    const extra = { put, remove: forgotten.map(prunedMarkKey) };
    return { drafts: ended.map((task) => pruneDraft(task, why)), result: ended, extra };
  });
  state.forgetPruned(forgotten);
  return pruned;
}

/** The tasks that have ended for good, oldest end first. */
export function* finishedTasks(state: ClusterState): Generator<Task> {
  for (const id of state.finished) {
    const task = state.findTask(id);
    if (task !== undefined) yield task;
  }
}

function pruneDraft(
  task: Task,
  { cause, actor = 'manager' }: Omit<PruneContext, 'state' | 'committer'>,
): EventDraft {
  return {
    type: 'task-pruned',
    taskId: task.id,
    attempt: task.status.attempt,
    ...(task.status.node === undefined ? {} : { node: task.status.node }),
    cause,
    correlationId: task.id,
    actor,
  };
}
