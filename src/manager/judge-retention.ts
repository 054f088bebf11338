import { isFinal, type Task } from '../task/task.ts';
import type { RetentionLimits } from './retention-limits.ts';

/**
 * The finished tasks that retention lets go, oldest first. Nothing that may still run is ever
 * among them.
 */
export function selectPrunable(
  tasks: {
    /** Tasks that have ended for good, oldest end first. */
    readonly finished: Iterable<Task>;
    readonly finishedCount: number;
    /** How many to name at most, since the rest would be looked for in vain. */
    readonly countMax: number;
  },
  limits: RetentionLimits,
  nowMs: number,
): readonly string[] {
  const excess = Math.max(0, tasks.finishedCount - limits.finishedCountMax);
  const prunable: string[] = [];
  for (const task of tasks.finished) {
    if (prunable.length === tasks.countMax) break;
    const endedMs = Date.parse(task.status.finishedAt ?? task.createdAt);
    const isOld = nowMs - endedMs > limits.finishedAgeMs;
    if (prunable.length >= excess && !isOld) break;
    if (isFinal(task)) prunable.push(task.id);
  }
  return prunable;
}
