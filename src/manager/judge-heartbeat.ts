import { isDeepStrictEqual } from 'node:util';
import type { EventDraft } from '../event/event.ts';
import type { Node, NodePatch, NodeStats, Resources, RuntimeFact } from '../node/node.ts';

/** Measured use counts as changed from this share of the capacity on. */
const NOTABLE_SHARE = 0.05;

/**
 * What a heartbeat changes in the record of its node. Measured use is recorded only when it moved
 * notably: the scheduler counts what is recorded, so that its decisions can be computed again from
 * the log, and an idle cluster writes nothing.
 */
export function judgeHeartbeat(
  node: Node,
  heartbeat: { readonly stats: NodeStats; readonly runtimes: readonly RuntimeFact[] },
): readonly EventDraft[] {
  const { used } = heartbeat.stats;
  const drafts: EventDraft[] = [];
  if (!isDeepStrictEqual(node.runtimes, heartbeat.runtimes)) {
    drafts.push(nodeDraft(node, 'node-changed', { runtimes: [...heartbeat.runtimes] }));
  }
  if (node.observed === undefined || isNotable(node.observed, used, node.capacity)) {
    drafts.push(nodeDraft(node, 'node-observed', { observed: used }));
  }
  return drafts;
}

function isNotable(before: Resources, now: Resources, capacity: Resources): boolean {
  return (['cpu', 'memory', 'disk'] as const).some(
    (resource) => Math.abs(now[resource] - before[resource]) > capacity[resource] * NOTABLE_SHARE,
  );
}

/** An event of a node that its worker brought about. */
export function nodeDraft(
  node: Pick<Node, 'name'>,
  type: 'node-joined' | 'node-changed' | 'node-observed',
  facts: NodePatch,
): EventDraft {
  return {
    type,
    node: node.name,
    facts,
    cause: type === 'node-observed' ? `heartbeat of ${node.name}` : `word of ${node.name}`,
    correlationId: node.name,
    actor: `worker ${node.name}`,
  };
}
