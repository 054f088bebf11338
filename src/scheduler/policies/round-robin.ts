import type { Task } from '../../task/task.ts';
import { filterNodes } from '../filter-nodes.ts';
import { pickLowest } from '../pick-lowest.ts';
import type { ClusterSnapshot, NodeSnapshot, Scheduler } from '../scheduler.ts';

/**
 * Nodes take turns in the order of their names, beginning after the node of the latest placement.
 * The score is the number of feasible nodes that come before in that order. The turn is read from
 * the snapshot and kept nowhere else, so that asking does not change the next answer and nodes may
 * come and go.
 */
export const roundRobin: Scheduler = Object.freeze({
  name: 'roundrobin',
  selectCandidateNodes: filterNodes,
  score: scoreByTurn,
  pick: pickLowest,
});

function scoreByTurn(
  _task: Task,
  candidates: readonly NodeSnapshot[],
  snapshot: ClusterSnapshot,
): readonly number[] {
  const { lastNode } = snapshot;
  const count = candidates.length;
  const next =
    lastNode === undefined ? 0 : candidates.findIndex(({ node }) => node.name > lastNode);
  const first = Math.max(next, 0);
  return candidates.map((_, index) => (index - first + count) % count);
}
