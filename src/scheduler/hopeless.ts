import type { Resources } from '../node/node.ts';
import { type Constraint, parseConstraint } from '../task/constraint.ts';
import type { RejectionCode } from '../task/placement.ts';
import type { Task } from '../task/task.ts';
import { isMet, NAME_LABEL } from './filters/constraints.ts';
import { clipSentence } from './filters/filter.ts';
import { formatAmount } from './format-amount.ts';
import type { ClusterSnapshot, NodeSnapshot } from './scheduler.ts';

/** Something that no node of the cluster gives, however empty it is. */
export interface Hopeless {
  readonly code: RejectionCode;
  readonly sentence: string;
}

/**
 * What keeps the task waiting until the cluster or the task is changed: waiting for other tasks to
 * end does not help.
 */
export function findHopeless(task: Task, snapshot: ClusterSnapshot): readonly Hopeless[] {
  return [
    ...tooLarge({ code: 'cpu-short', resource: 'cpu', needed: task.spec.cpu }, snapshot),
    ...tooLarge({ code: 'memory-short', resource: 'memory', needed: task.spec.memory }, snapshot),
    ...tooLarge({ code: 'disk-short', resource: 'disk', needed: task.spec.disk }, snapshot),
    ...withoutRuntime(task, snapshot),
    ...unmetEverywhere(task, snapshot),
  ];
}

function tooLarge(
  request: {
    readonly code: RejectionCode;
    readonly resource: keyof Resources;
    readonly needed: number | undefined;
  },
  snapshot: ClusterSnapshot,
): readonly Hopeless[] {
  const { code, resource, needed } = request;
  if (needed === undefined) return [];
  let largest: NodeSnapshot | undefined;
  for (const candidate of snapshot.nodes) {
    const capacity = candidate.node.capacity[resource];
    if (!Number.isFinite(capacity)) continue;
    if (capacity >= needed) return [];
    if (largest === undefined || capacity > largest.node.capacity[resource]) largest = candidate;
  }
  if (largest === undefined) return [];
  const has = formatAmount(code, largest.node.capacity[resource]);
  const sentence =
    `It needs ${formatAmount(code, needed)}; the largest node, ${largest.node.name}, has ${has} ` +
    'in all: ask for less, or add a larger node.';
  return [{ code, sentence }];
}

function withoutRuntime(task: Task, snapshot: ClusterSnapshot): readonly Hopeless[] {
  const { runtime } = task.spec;
  let told = '';
  for (const { node } of snapshot.nodes) {
    const fact = node.runtimes.find(({ name }) => name === runtime);
    if (fact?.available === true) return [];
    if (told === '' && fact?.reason !== undefined)
      told = ` (${node.name} says: ${clipSentence(fact.reason)})`;
  }
  const sentence =
    `No node offers the runtime ${runtime}${told}: make it available on a node, or add a node ` +
    'that has it.';
  return [{ code: 'runtime-missing', sentence }];
}

function unmetEverywhere(task: Task, snapshot: ClusterSnapshot): readonly Hopeless[] {
  const constraints = task.spec.constraints.map(parseConstraint);
  const meetsAll = ({ node }: NodeSnapshot): boolean =>
    constraints.every((constraint) => isMet(constraint, node));
  if (snapshot.nodes.some(meetsAll)) return [];
  const alone = constraints.filter(
    (constraint) => !snapshot.nodes.some(({ node }) => isMet(constraint, node)),
  );
  const sentences =
    alone.length > 0
      ? alone.map(describeUnmet)
      : [
          `No node meets all of ${task.spec.constraints.join(', ')} at once, though each is met ` +
            'somewhere: label a node, or change the constraints.',
        ];
  return sentences.map((sentence) => ({ code: 'constraint-unmet', sentence }));
}

function describeUnmet({ label, operator, value }: Constraint): string {
  if (operator === '!=') {
    return `Every node is ruled out by ${label} != ${value}: add a node, or change the constraint.`;
  }
  if (label === NAME_LABEL) {
    return (
      `No node is named ${value}: start one with "cube worker --name ${value}", or change the ` +
      'constraint.'
    );
  }
  return (
    `No node has the label ${label} == ${value}: label a node ("cube worker --label ` +
    `${label}=${value}"), or change the constraint.`
  );
}
