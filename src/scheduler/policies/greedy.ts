import type { Task } from '../../task/task.ts';
import { filterNodes } from '../filter-nodes.ts';
import { pickLowest } from '../pick-lowest.ts';
import type { NodeSnapshot, Scheduler } from '../scheduler.ts';
import { demandFraction, scoredDemand, usedFraction } from '../utilisation.ts';

/**
 * The least loaded node. The score is how full the node's fullest resource would be with the task
 * on it, as a fraction of its capacity: the node that stays freest where it is tightest wins.
 * Cores and memory count always (with default requests where the task makes none), disk where the
 * task asks for it.
 */
export const greedy: Scheduler = Object.freeze({
  name: 'greedy',
  selectCandidateNodes: filterNodes,
  score: scoreByFullestResource,
  pick: pickLowest,
});

function scoreByFullestResource(
  task: Task,
  candidates: readonly NodeSnapshot[],
): readonly number[] {
  const demand = scoredDemand(task);
  return candidates.map((candidate) => {
    const cpu = usedFraction(candidate, 'cpu') + demandFraction(candidate, 'cpu', demand);
    const memory = usedFraction(candidate, 'memory') + demandFraction(candidate, 'memory', demand);
    const fullest = Math.max(cpu, memory);
    if (demand.disk === 0) return fullest;
    const disk = usedFraction(candidate, 'disk') + demandFraction(candidate, 'disk', demand);
    return Math.max(fullest, disk);
  });
}
