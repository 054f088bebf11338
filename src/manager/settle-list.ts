import type { EventDraft } from '../event/event.ts';
import type { AttemptKey, WorkerList } from '../link/protocol.ts';
import type { Task } from '../task/task.ts';
import { judgeObservation, type ObservationContext } from './judge-observation.ts';

/** What settling looks at beside the list. */
export interface SettleContext {
  readonly node: string;
  /** The tasks whose current attempt is placed on the node and has not ended. */
  readonly placed: readonly Task[];
  readonly findTask: (id: string) => Task | undefined;
  readonly observationContext: (task: Task) => ObservationContext;
  /** RFC 3339. */
  readonly time: string;
}

/**
 * What a worker's full list changes: what it says of each attempt, and what it leaves out. A task
 * that was seen running and that its worker no longer knows is lost: how it ended is unknown, and
 * it must not be started again as the same attempt. While its runtime is not available that is
 * not so yet: a worker without records may still find it there.
 */
export function settleList(list: WorkerList, context: SettleContext): readonly EventDraft[] {
  const drafts: EventDraft[] = [];
  const known = new Set<string>();
  for (const seen of [...list.observations, ...list.orphans]) known.add(keyText(seen));
  for (const seen of list.observations) {
    const task = context.findTask(seen.taskId);
    if (task === undefined) continue;
    const draft = judgeObservation(task, seen, context.observationContext(task));
    if (draft !== undefined) drafts.push(draft);
  }
  for (const task of context.placed) {
    const key = keyText({ taskId: task.id, attempt: task.status.attempt });
    if (known.has(key) || task.status.state !== 'running') continue;
    const runtime = list.facts.runtimes.find(({ name }) => name === task.spec.runtime);
    if (runtime?.available === false) continue;
    const lost = judgeObservation(
      task,
      {
        taskId: task.id,
        attempt: task.status.attempt,
        phase: 'ended',
        ended: {
          exitCode: 'unknown',
          reason: {
            code: 'lost',
            message: `The worker of ${context.node} no longer knows it; how it ended is unknown.`,
          },
          finishedAt: context.time,
        },
      },
      context.observationContext(task),
    );
    if (lost !== undefined) drafts.push(lost);
  }
  return drafts;
}

function keyText({ taskId, attempt }: AttemptKey): string {
  return `${taskId}/${attempt}`;
}
