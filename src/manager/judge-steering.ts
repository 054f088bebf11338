import { isDeepStrictEqual } from 'node:util';
import { CubeError } from '../errors/cube-error.ts';
import type { EventDraft } from '../event/event.ts';
import { labelLimitProblem, type Node } from '../node/node.ts';

/** What a user asks of a node. */
export interface SteeringRequest {
  readonly requestId: string;
}

/** Labels by key; null takes one away. */
export type LabelChanges = Readonly<Record<string, string | null>>;

/** The node takes no more tasks, and those on it move; nothing when that is so already. */
export function drainRequestDrafts(node: Node, request: SteeringRequest): readonly EventDraft[] {
  if (node.draining) return [];
  return [draftOf(node, request, { type: 'node-drain-requested', facts: { draining: true } })];
}

/** The node takes tasks again; nothing when it does. What is on its way elsewhere goes there. */
export function resumeDrafts(node: Node, request: SteeringRequest): readonly EventDraft[] {
  if (!node.draining) return [];
  return [draftOf(node, request, { type: 'node-drain-ended', facts: { draining: false } })];
}

/**
 * The user's labels for a node, over those that its worker announces. They stay whatever the worker
 * says later.
 *
 * @throws CubeError `invalid-input`, when the node would have too many.
 */
export function labelDrafts(
  node: Node,
  changes: LabelChanges,
  request: SteeringRequest,
): readonly EventDraft[] {
  const announcedLabels = node.announcedLabels ?? node.labels;
  const labelChanges = { ...node.labelChanges, ...changes };
  const facts = {
    announcedLabels,
    labelChanges,
    labels: effectiveLabels(announcedLabels, labelChanges),
  };
  const problem = labelLimitProblem(facts.labels);
  if (problem !== undefined) {
    throw new CubeError('invalid-input', `Node ${node.name} would have too many labels.`, {
      issues: [{ field: 'labels', got: String(Object.keys(facts.labels).length), want: problem }],
    });
  }
  const isSame = Object.entries(facts).every(([field, value]) =>
    isDeepStrictEqual(node[field as keyof typeof facts], value),
  );
  return isSame ? [] : [draftOf(node, request, { type: 'node-labelled', facts })];
}

/** The labels that count: what the worker announces, with the user's changes. */
export function effectiveLabels(
  announced: Readonly<Record<string, string>>,
  changes: LabelChanges = {},
): Record<string, string> {
  const labels = new Map(Object.entries(announced));
  for (const [key, value] of Object.entries(changes)) {
    if (value === null) labels.delete(key);
    else labels.set(key, value);
  }
  return Object.fromEntries([...labels].toSorted(([one], [other]) => (one < other ? -1 : 1)));
}

function draftOf(
  node: Node,
  { requestId }: SteeringRequest,
  change: Pick<EventDraft, 'type' | 'facts'>,
): EventDraft {
  return {
    ...change,
    node: node.name,
    cause: `request ${requestId}`,
    correlationId: requestId,
    actor: 'user',
  };
}
