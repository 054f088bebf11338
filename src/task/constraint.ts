import { z } from 'zod';

const WANTED =
  '"label == value" or "label != value", with label a node label or node.name, such as "zone == eu"';

const GRAMMAR =
  /^([A-Za-z0-9][A-Za-z0-9_./-]{0,62})\s{0,4}(==|!=)\s{0,4}([A-Za-z0-9][A-Za-z0-9_./-]{0,62})$/;

/** A demand on a node, kept as text in the form `label == value`. */
export const constraintSchema = z
  .string(WANTED)
  .max(200, WANTED)
  .regex(GRAMMAR, WANTED)
  .transform((text) => {
    const { label, operator, value } = parseConstraint(text);
    return `${label} ${operator} ${value}`;
  });

export interface Constraint {
  readonly label: string;
  readonly operator: '==' | '!=';
  readonly value: string;
}

/** The parts of a constraint that the schema has accepted. */
export function parseConstraint(text: string): Constraint {
  const match = GRAMMAR.exec(text.trim());
  if (match === null) throw new Error(`Broken belief: ${text} was accepted as a constraint.`);
  const [, label = '', operator, value = ''] = match;
  return { label, operator: operator === '!=' ? '!=' : '==', value };
}
