import type { Task } from '../../task/task.ts';
import { filterNodes } from '../filter-nodes.ts';
import { pickLowest } from '../pick-lowest.ts';
import type { ClusterSnapshot, NodeSnapshot, Scheduler } from '../scheduler.ts';
import { demandFraction, type ResourceName, scoredDemand, usedFraction } from '../utilisation.ts';

/**
 * E-PVM, after Y. Amir, B. Awerbuch, A. Barak, R. S. Borgstrom and A. Keren, "An Opportunity Cost
 * Approach for Job Assignment in a Scalable Computing Cluster", IEEE Transactions on Parallel and
 * Distributed Systems 11(7), 2000, pages 760-768: the cost of a machine is the sum over
 * its resources of n to the power of the fraction in use, and a job goes to the machine whose cost
 * it raises least. The sum turns unlike resources into one currency, and the exponential makes the
 * last tenth of any resource dear, which spreads load and leaves room for bursts.
 *
 * Where this differs from the paper, and why:
 * - Cores are a resource like memory, measured by requests. The paper has no requests, so it counts
 *   jobs against a bound L that doubles when it is passed. A job without a request counts here as
 *   one with a default request instead (`defaultRequest`), both when it is placed and as long as it
 *   is there: that keeps what the doubling of L is for (a burst of such jobs spreads) and does not
 *   let the mere number of small jobs outweigh the load, which it does on machines of unlike size.
 * - The base is n, but never below 10. With two or three machines n^u is so flat that a full
 *   machine costs hardly more than an empty one.
 * - n is the number of nodes that are up, whether or not they can take this task, so that the
 *   scores of different tasks are in the same currency.
 * - Use is the larger of what is promised and what is measured: promises count at once, so that a
 *   burst does not go to one node until the next measurement.
 */
export const epvm: Scheduler = Object.freeze({
  name: 'epvm',
  selectCandidateNodes: filterNodes,
  score: scoreByMarginalCost,
  pick: pickLowest,
});

/** The least base of the exponential. */
export const BASE_MIN = 10;

/** exp(600) is 10^260: above it a sum of costs could overflow. Reached at 50 times the capacity. */
const EXPONENT_MAX = 600;

/**
 * How much the cost of one resource grows: base^(used + demand) - base^used, for fractions of the
 * capacity. Computed without the difference of two nearly equal numbers, so that a small demand
 * keeps its digits and no demand costs exactly nothing. Finite for every `used`; a demand counts
 * for the whole capacity at most.
 */
export function marginalCost(used: number, demand: number, base: number): number {
  const steepness = Math.log(base);
  return costLevel(used, steepness) * costGrowth(demand, steepness);
}

/** The factor of the marginal cost that the node alone decides. */
export function costLevel(used: number, steepness: number): number {
  return Math.exp(Math.min(used * steepness, EXPONENT_MAX));
}

/** The factor that the demand decides, and the size of the node. */
export function costGrowth(demand: number, steepness: number): number {
  return Math.expm1(Math.min(demand, 1) * steepness);
}

function scoreByMarginalCost(
  task: Task,
  candidates: readonly NodeSnapshot[],
  snapshot: ClusterSnapshot,
): readonly number[] {
  const base = Math.max(countUp(snapshot), BASE_MIN);
  const demand = scoredDemand(task);
  const costOf = (candidate: NodeSnapshot, resource: ResourceName): number =>
    marginalCost(
      usedFraction(candidate, resource),
      demandFraction(candidate, resource, demand),
      base,
    );
  return candidates.map((candidate) => {
    const cost = costOf(candidate, 'cpu') + costOf(candidate, 'memory');
    return demand.disk > 0 ? cost + costOf(candidate, 'disk') : cost;
  });
}

function countUp(snapshot: ClusterSnapshot): number {
  let count = 0;
  for (const { node } of snapshot.nodes) if (node.liveness === 'up') count += 1;
  return count;
}
