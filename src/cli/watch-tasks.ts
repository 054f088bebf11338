import type { CubeClient } from '../client/cube-client.ts';
import { isCubeError } from '../errors/cube-error.ts';
import type { TaskReply } from '../link/replies.ts';

export interface WatchOptions {
  readonly signal: AbortSignal;
  /** Whether a task has come as far as it is watched. */
  readonly isDone: (task: TaskReply) => boolean;
  /** Told of the connection being lost, in words. */
  readonly onInterrupted: (message: string) => void;
}

/**
 * Each task as it is, and then each time that it has changed, until it is done; ends with the last
 * of them. One stream of events serves them all, and a lost one is opened again.
 *
 * @throws CubeError `pruned` or `not-found`, when a task is gone.
 */
export async function* watchTasks(
  client: CubeClient,
  tasks: readonly TaskReply[],
  options: WatchOptions,
): AsyncGenerator<TaskReply, void, undefined> {
  const { signal, isDone, onInterrupted } = options;
  yield* tasks;
  const watched = new Map(tasks.filter((task) => !isDone(task)).map((task) => [task.id, task]));
  const look = async (id: string): Promise<TaskReply> => {
    const task = await client.get(id, { signal });
    if (isDone(task)) watched.delete(id);
    else watched.set(id, task);
    return task;
  };
  let told = '';
  let after = Math.min(...[...watched.values()].map(({ revision }) => revision));
  while (watched.size > 0) {
    const [only] = watched.keys();
    const events = client.events({
      after,
      ...(watched.size === 1 ? { taskId: only } : {}),
      signal,
      onInterrupted: ({ error }) => {
        const message = error?.message ?? 'The manager ended the connection.';
        // Said once, however often it is tried.
        if (message !== told) onInterrupted(message);
        told = message;
      },
    });
    try {
      for await (const event of events) {
        after = event.revision;
        told = '';
        const known = watched.get(event.taskId ?? '');
        // An event that the task is ahead of already tells nothing new.
        if (known === undefined || event.revision <= known.revision) continue;
        yield await look(known.id);
        if (watched.size === 0) return;
      }
    } catch (error) {
      if (!isCubeError(error, 'pruned')) throw error;
      // Events have gone by unseen, so the tasks have to tell themselves, if they are still there.
      after = (await client.listPage({ limit: 1 }, { signal })).revision;
      for (const id of [...watched.keys()]) yield await look(id);
    }
  }
}
