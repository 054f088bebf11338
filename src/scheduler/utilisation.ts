import type { Resources } from '../node/node.ts';
import type { Task } from '../task/task.ts';
import type { NodeSnapshot } from './scheduler.ts';

/**
 * What a task without a request is taken to use when nodes are scored, so that a node with many
 * such tasks does not look empty: a tenth of a core and 200 MiB, about what Kubernetes assumes for
 * the same purpose. It never decides whether a task fits. Disk has no default: most tasks keep
 * nothing there.
 */
export const defaultRequest: Resources = Object.freeze({
  cpu: 0.1,
  memory: 200 * 1024 ** 2,
  disk: 0,
});

export type ResourceName = keyof Resources;

/** What the task counts for in a score: its requests, with defaults for those it did not make. */
export function scoredDemand(task: Task): Resources {
  const { cpu, memory, disk } = task.spec;
  return {
    cpu: cpu ?? defaultRequest.cpu,
    memory: memory ?? defaultRequest.memory,
    disk: disk ?? defaultRequest.disk,
  };
}

/**
 * How full a node is of one resource, as a fraction of its capacity: the larger of what is
 * promised and what is measured, since a measurement may only make a node look fuller. Promises
 * may exceed 1 (a capacity can shrink); a measurement counts for 1 at most, and one that makes no
 * sense does not count.
 */
export function usedFraction(candidate: NodeSnapshot, resource: ResourceName): number {
  const assumed =
    resource === 'disk' ? 0 : candidate.withoutRequest[resource] * defaultRequest[resource];
  return fractionInUse(
    candidate.committed[resource] + assumed,
    candidate.node.capacity[resource],
    candidate.node.observed?.[resource],
  );
}

/** The same of plain amounts. */
export function fractionInUse(
  amount: number,
  capacity: number,
  observed: number | undefined,
): number {
  const promised = fraction(amount, capacity);
  if (observed === undefined || !(observed > 0)) return promised;
  return Math.max(promised, Math.min(1, fraction(observed, capacity)));
}

/** A demand as a fraction of the node's capacity. */
export function demandFraction(
  candidate: NodeSnapshot,
  resource: ResourceName,
  demand: Resources,
): number {
  return fraction(demand[resource], candidate.node.capacity[resource]);
}

/** Nothing of nothing is 0; something of nothing is full. */
export function fraction(amount: number, capacity: number): number {
  if (capacity > 0) return amount / capacity;
  return amount > 0 ? 1 : 0;
}
