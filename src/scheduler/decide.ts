import { assert } from '../lib/assert.ts';
import {
  type Placement,
  type Rejection,
  type RejectionCode,
  rejectionCodes,
  type Verdict,
} from '../task/placement.ts';
import type { Task } from '../task/task.ts';
import type { ClusterSnapshot, NodeSnapshot, Scheduler } from './scheduler.ts';

/** What a policy decided about one task, and why. */
export interface Decision {
  /** The decision as its event records it: small whatever the number of nodes. */
  readonly placement: Placement;
  /** The name of the node that gets the task; absent when none can take it. */
  readonly chosen?: string;
  /** The verdict on every node, in the order of the snapshot. Put together when it is asked for. */
  verdicts(): readonly Verdict[];
}

/** How many of the best nodes a placement records, the chosen one included. */
export const BEST_COUNT_MAX = 5;

/**
 * Runs the three phases of a policy. A pure function: the same task and snapshot give the same
 * decision at any time.
 *
 * @throws Error when the policy breaks the contract of its port (a score that is not finite, a
 *   choice that is not a candidate).
 */
export function decide(scheduler: Scheduler, task: Task, snapshot: ClusterSnapshot): Decision {
  const { feasible, rejected } = scheduler.selectCandidateNodes(task, snapshot);
  const scores = feasible.length === 0 ? [] : scheduler.score(task, feasible, snapshot);
  assert(scores.length === feasible.length, `${scheduler.name} gives each candidate a score`);
  assert(scores.every(Number.isFinite), `every score of ${scheduler.name} is finite`);
  const summary = {
    scheduler: scheduler.name,
    nodeCount: snapshot.nodes.length,
    feasibleCount: feasible.length,
    rejected: groupByCode(rejected),
  };
  const verdicts = (): readonly Verdict[] => joinVerdicts(snapshot, rejected, { feasible, scores });
  if (feasible.length === 0) return { placement: { ...summary, best: [] }, verdicts };
  const index = scheduler.pick(task, feasible, scores);
  const chosen = feasible[index]?.node.name;
  assert(chosen !== undefined, `${scheduler.name} picks one of the candidates`);
  const best = selectBest(feasible, scores, index);
  return { placement: { ...summary, node: chosen, best }, chosen, verdicts };
}

/** The chosen node, then the others with the lowest scores; among equals in the order of names. */
function selectBest(
  feasible: readonly NodeSnapshot[],
  scores: readonly number[],
  chosen: number,
): Placement['best'] {
  const best: { readonly node: string; readonly score: number }[] = [];
  /** A score that is no lower cannot be among the best any more. */
  let bar = Number.POSITIVE_INFINITY;
  const entry = (index: number): { readonly node: string; readonly score: number } => ({
    node: feasible[index]?.node.name ?? '',
    score: scores[index] ?? 0,
  });
  scores.forEach((score, index) => {
    if (score >= bar || index === chosen) return;
    const place = best.findIndex((other) => score < other.score);
    best.splice(place < 0 ? best.length : place, 0, entry(index));
    if (best.length === BEST_COUNT_MAX) best.pop();
    if (best.length === BEST_COUNT_MAX - 1) bar = best.at(-1)?.score ?? bar;
  });
  return [entry(chosen), ...best];
}

interface RejectionGroup {
  nodeCount: number;
  nearest: { readonly node: string; readonly rejection: Rejection };
  distance: Distance;
}

/** How far a node is from taking the task: the reasons in its way, then what is short. */
interface Distance {
  readonly reasonCount: number;
  readonly shortage: number;
}

/** The nodes refused for each reason, the most frequent reason first. */
function groupByCode(rejected: readonly Verdict[]): Placement['rejected'] {
  const groups = new Map<RejectionCode, RejectionGroup>();
  const counted = new Map<RejectionCode, Verdict>();
  for (const verdict of rejected) {
    for (const rejection of verdict.rejections) {
      const { code } = rejection;
      const distance = distanceOf(rejection, verdict);
      const nearest = { node: verdict.node, rejection };
      const group = groups.get(code);
      if (group === undefined) {
        groups.set(code, { nodeCount: 1, nearest, distance });
      } else {
        if (counted.get(code) !== verdict) group.nodeCount += 1;
        if (isNearer(distance, group.distance)) Object.assign(group, { nearest, distance });
      }
      counted.set(code, verdict);
    }
  }
  return [...groups]
    .map(([code, { nodeCount, nearest }]) => ({ code, nodeCount, nearest }))
    .sort(
      (a, b) =>
        b.nodeCount - a.nodeCount ||
        rejectionCodes.indexOf(a.code) - rejectionCodes.indexOf(b.code),
    );
}

function distanceOf({ needed, available }: Rejection, verdict: Verdict): Distance {
  const isCounted = typeof needed === 'number' && typeof available === 'number';
  return {
    reasonCount: verdict.rejections.length,
    shortage: isCounted ? needed - available : 0,
  };
}

function isNearer(a: Distance, b: Distance): boolean {
  return a.reasonCount === b.reasonCount ? a.shortage < b.shortage : a.reasonCount < b.reasonCount;
}

function joinVerdicts(
  snapshot: ClusterSnapshot,
  rejected: readonly Verdict[],
  scored: { readonly feasible: readonly NodeSnapshot[]; readonly scores: readonly number[] },
): readonly Verdict[] {
  const verdicts = new Map(rejected.map((verdict) => [verdict.node, verdict]));
  for (const [index, { node }] of scored.feasible.entries()) {
    verdicts.set(node.name, { node: node.name, score: scored.scores[index] ?? 0, rejections: [] });
  }
  return snapshot.nodes.map(({ node }) => {
    const verdict = verdicts.get(node.name);
    assert(verdict !== undefined, `node ${node.name} is judged`);
    return verdict;
  });
}
