import type { Placement, RejectionCode } from '../task/placement.ts';
import type { Reason } from '../task/reason.ts';

/** How nodes refused for each reason are called, after their number. */
const refusedNodes: Readonly<Record<RejectionCode, string>> = {
  'not-up': 'not up',
  draining: 'draining',
  'runtime-missing': 'without its runtime',
  'constraint-unmet': 'ruled out by its constraints',
  'cpu-short': 'short of cores',
  'memory-short': 'short of memory',
  'disk-short': 'short of disk',
  'port-taken': 'with its port taken',
  'bind-not-allowed': 'not allowing its folder',
  'not-judgeable': 'that cannot be judged',
};

/** How many reasons the sentence tells; the details count all of them. */
const TOLD_MAX = 3;

/**
 * Why a task waits, for its status: a sentence with the most frequent reasons and the node that
 * comes nearest for each, and as details the number of nodes for every reason, with what was
 * needed and available on the nearest where that is a number. A node may have several reasons, so
 * the counts may add up to more than the nodes. For a placement in which no node was chosen.
 */
export function waitingReason(placement: Placement): Reason {
  const { nodeCount, rejected } = placement;
  if (nodeCount === 0) return { code: 'no-nodes', message: 'No node has joined the cluster yet.' };
  const details: Record<string, string | number> = { nodeCount };
  for (const { code, nodeCount: count, nearest } of rejected) {
    const { needed, available } = nearest.rejection;
    details[code] = count;
    if (typeof needed === 'number') details[`${code}.needed`] = needed;
    if (typeof available === 'number') details[`${code}.available`] = available;
  }
  if (nodeCount === 1) return { code: 'no-node-fits', message: tellOnlyNode(rejected), details };
  const told = rejected.slice(0, TOLD_MAX).map(({ code, nodeCount: count, nearest }) => {
    const { node, rejection } = nearest;
    return `${count} ${refusedNodes[code]} (nearest, ${node}: ${rejection.message})`;
  });
  const untold = rejected.length - told.length;
  const rest = untold > 0 ? `; other reasons: ${untold}` : '';
  const message = `None of ${nodeCount} nodes can take it: ${told.join('; ')}${rest}.`;
  return { code: 'no-node-fits', message, details };
}

/** With one node there is nothing to count: its reasons are told as they are. */
function tellOnlyNode(rejected: Placement['rejected']): string {
  const node = rejected[0]?.nearest.node ?? '';
  const reasons = rejected.map(({ nearest }) => nearest.rejection.message);
  return `The only node, ${node}, cannot take it: ${reasons.join('; ')}.`;
}
