import { isDeepStrictEqual } from 'node:util';
import { CubeError } from '../errors/cube-error.ts';
import type { EventDraft } from '../event/event.ts';
import type { Node, NodeFacts } from '../node/node.ts';
import { nodeDraft } from './judge-heartbeat.ts';

/** What a worker's announcement changes, at `time` (RFC 3339). */
export function judgeJoin(
  existing: Node | undefined,
  facts: NodeFacts,
  time: string,
): readonly EventDraft[] {
  if (existing === undefined) {
    return [
      nodeDraft(facts, 'node-joined', {
        ...facts,
        liveness: 'unreachable',
        livenessSince: time,
        livenessReason: 'it has just joined',
        draining: false,
      }),
    ];
  }
  if (existing.id !== facts.id && existing.liveness !== 'down') {
    throw new CubeError(
      'name-taken',
      `Another worker is node ${facts.name} and is ${existing.liveness}.`,
      { hint: 'Start this worker with another --name, or wait until the other is down.' },
    );
  }
  const changed = Object.entries(facts).filter(
    ([field, value]) => !isDeepStrictEqual(existing[field as keyof NodeFacts], value),
  );
  if (changed.length === 0) return [];
  return [nodeDraft(facts, 'node-changed', Object.fromEntries(changed))];
}
