import { isDeepStrictEqual } from 'node:util';
import { CubeError } from '../errors/cube-error.ts';
import type { EventDraft } from '../event/event.ts';
import { PROTOCOL_VERSION } from '../link/protocol.ts';
import type { Node, NodeFacts } from '../node/node.ts';
import type { Task } from '../task/task.ts';
import { nodeDraft } from './judge-heartbeat.ts';
import { effectiveLabels } from './judge-steering.ts';

/** @throws CubeError `invalid-input`, when the worker speaks another protocol than this manager. */
export function assertSameProtocol(protocol: number): void {
  if (protocol === PROTOCOL_VERSION) return;
  throw new CubeError(
    'invalid-input',
    `The worker speaks protocol ${protocol}, and this manager ${PROTOCOL_VERSION}.`,
    {
      issues: [{ field: 'protocol', got: String(protocol), want: String(PROTOCOL_VERSION) }],
      hint: 'Install the same release of Cube on both.',
    },
  );
}

/** What an announcement is judged by. */
export interface JoinContext {
  /** The node of that name. */
  readonly existing: Node | undefined;
  /** The nodes of other names under which this very worker is known. */
  readonly namesakes: readonly Node[];
  /** The tasks that are placed on a node and have not ended. */
  readonly placedOn: (node: string) => readonly Task[];
  /** RFC 3339. */
  readonly time: string;
}

/**
 * What a worker's announcement changes.
 *
 * @throws CubeError `name-taken`, while the name belongs to another worker, or this worker to
 *   another name, in a way that something may still run there.
 */
export function judgeJoin(facts: NodeFacts, context: JoinContext): readonly EventDraft[] {
  const { existing, time } = context;
  assertNameFree(facts, context);
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
  const told = withOwnLabels(facts, existing);
  const changed = Object.entries(told).filter(
    ([field, value]) => !isDeepStrictEqual(existing[field as keyof Node], value),
  );
  if (changed.length === 0) return [];
  return [nodeDraft(facts, 'node-changed', Object.fromEntries(changed))];
}

/** What a worker says of its labels, under those that the user has given the node. */
function withOwnLabels(facts: NodeFacts, existing: Node): NodeFacts | Partial<Node> {
  const { labelChanges } = existing;
  if (labelChanges === undefined) return facts;
  const labels = effectiveLabels(facts.labels, labelChanges);
  return { ...facts, announcedLabels: facts.labels, labels };
}

function assertNameFree(facts: NodeFacts, context: JoinContext): void {
  const { existing, namesakes, placedOn } = context;
  const { name, id } = facts;
  if (existing !== undefined && existing.id !== id) {
    if (existing.liveness !== 'down') {
      throw new CubeError(
        'name-taken',
        `Another worker is node ${name} and is ${existing.liveness}.`,
        {
          hint: 'Start this worker with another --name, or wait until the other is down.',
        },
      );
    }
    // Whatever waits for the other worker may still run there, out of sight.
    const waiting = placedOn(name).length;
    if (waiting > 0) {
      throw new CubeError(
        'name-taken',
        `${waiting} tasks wait for the return of the other ${name}.`,
        {
          hint: 'Stop those tasks, or start this worker with another --name.',
        },
      );
    }
  }
  for (const { name: older } of namesakes) {
    const count = placedOn(older).length;
    if (count === 0) continue;
    throw new CubeError('name-taken', `This worker is node ${older}, where ${count} tasks are.`, {
      hint: `Start it with --name ${older}, or wait until those tasks have ended or moved.`,
    });
  }
}
