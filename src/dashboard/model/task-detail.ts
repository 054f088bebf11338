import type { EventReply } from '../../client/event-stream.ts';
import { isCubeError } from '../../errors/cube-error.ts';
import type { ExplanationReply, TaskReply } from '../../link/replies.ts';
import type { Session } from './session.ts';

/** One task with all that is known of it. */
export interface TaskDetail {
  readonly task: TaskReply;
  /** Oldest first, up to the moment that is looked at. */
  readonly events: readonly EventReply[];
  readonly explanation: ExplanationReply | undefined;
}

/**
 * Reads a task as it is, or as it was at a revision.
 *
 * @throws CubeError `not-found` or `pruned`.
 */
export async function readTaskDetail(
  { client }: Session,
  id: string,
  options: { readonly at: number | undefined; readonly signal: AbortSignal },
): Promise<TaskDetail> {
  const { at, signal } = options;
  if (at === undefined) {
    const [task, events, explanation] = await Promise.all([
      client.get(id, { signal }),
      client.taskEvents(id, { signal }),
      client.placement(id, { signal }),
    ]);
    return { task, events, explanation };
  }
  const [task, all] = await Promise.all([
    client.get(id, { at, signal }),
    client.taskEvents(id, { signal }).catch((error: unknown) => {
      // A task that is gone by now was still there then, and the log tells of it.
      const isGone = isCubeError(error, 'pruned') || isCubeError(error, 'not-found');
      if (!isGone) throw error;
      return Array.fromAsync(client.events({ taskId: id, follow: false, signal }));
    }),
  ]);
  const events = all.filter(({ revision }) => revision <= at);
  return { task, events, explanation: recordedExplanation(id, events) };
}

/** The last decision by then, as its event has it. */
function recordedExplanation(
  taskId: string,
  events: readonly EventReply[],
): ExplanationReply | undefined {
  const event = events.findLast(({ placement }) => placement !== undefined);
  if (event?.placement === undefined) return undefined;
  const { revision, time, placement } = event;
  return { taskId, decided: { revision, time, placement }, advice: [] };
}
