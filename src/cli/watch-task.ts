import type { CubeClient } from '../client/cube-client.ts';
import { isCubeError } from '../errors/cube-error.ts';
import type { TaskReply } from '../link/replies.ts';

export interface WatchOptions {
  readonly signal: AbortSignal;
  /** Told of the connection being lost, in words. */
  readonly onInterrupted: (message: string) => void;
}

/**
 * The task as it is, and then each time that it has changed, for ever: a lost connection is opened
 * again.
 *
 * @throws CubeError `pruned` or `not-found`, when the task is gone.
 */
export async function* watchTask(
  client: CubeClient,
  first: TaskReply,
  options: WatchOptions,
): AsyncGenerator<TaskReply, void, undefined> {
  const { signal } = options;
  let task = first;
  yield task;
  while (true) {
    const events = client.events({
      after: task.revision,
      taskId: task.id,
      signal,
      onInterrupted: ({ error }) =>
        options.onInterrupted(error?.message ?? 'The manager ended the connection.'),
    });
    try {
      for await (const event of events) {
        // An event that the task is ahead of already tells nothing new.
        if (event.revision <= task.revision) continue;
        task = await client.get(task.id, { signal });
        yield task;
      }
    } catch (error) {
      if (!isCubeError(error, 'pruned')) throw error;
      // Events have gone by unseen, so the task itself has to tell, if it is still there.
      task = await client.get(task.id, { signal });
      yield task;
    }
  }
}
