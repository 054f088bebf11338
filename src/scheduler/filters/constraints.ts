import type { Node } from '../../node/node.ts';
import { type Constraint, parseConstraint } from '../../task/constraint.ts';
import type { Rejection } from '../../task/placement.ts';
import type { Task } from '../../task/task.ts';
import { acceptEveryNode, type Filter, type NodeCheck, noRejections } from './filter.ts';

/** The label that every node has without asking: its name. */
export const NAME_LABEL = 'node.name';

/** Every constraint of the task has to hold, on the labels of the node and on `node.name`. */
export const constraintFilter: Filter = (task: Task): NodeCheck => {
  if (task.spec.constraints.length === 0) return acceptEveryNode;
  const constraints = task.spec.constraints.map(parseConstraint);
  return ({ node }) => {
    let rejections: Rejection[] | undefined;
    for (const constraint of constraints) {
      if (isMet(constraint, node)) continue;
      rejections ??= [];
      rejections.push(unmet(constraint, node));
    }
    return rejections ?? noRejections;
  };
};

/** Whether the node meets the constraint. A label that is not there differs from every value. */
export function isMet(constraint: Constraint, node: Node): boolean {
  const isEqual = findLabel(node, constraint.label) === constraint.value;
  return constraint.operator === '==' ? isEqual : !isEqual;
}

function findLabel(node: Node, label: string): string | undefined {
  if (label === NAME_LABEL) return node.name;
  return Object.hasOwn(node.labels, label) ? node.labels[label] : undefined;
}

function unmet({ label, operator, value }: Constraint, node: Node): Rejection {
  const actual = findLabel(node, label);
  const has = actual === undefined ? `has no label ${label}` : `has ${label} == ${actual}`;
  const needed = `${label} ${operator} ${value}`;
  const rejection = {
    code: 'constraint-unmet',
    message: `needs ${needed}, but the node ${has}`,
    needed,
  } as const;
  return actual === undefined ? rejection : { ...rejection, available: actual };
}
