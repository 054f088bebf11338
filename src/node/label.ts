/** Labels of nodes as people set them: here or with the worker that announces them. */

/** As a label may be called; for whoever sets one, some are reserved. */
export const LABEL_KEY: RegExp = /^[A-Za-z0-9][A-Za-z0-9_./-]{0,62}$/;

/** Nothing that would break a line, command a terminal, or not be seen. */
const VALUE = /^[^\p{C}\p{Zl}\p{Zp}]{0,63}$/u;

/** A constraint reads the name of a node as if it were a label; `cube.` is kept for Cube itself. */
const RESERVED = /^(?:node\.name$|cube\.)/;

export const LABEL_KEY_WANTED =
  'a label of 1 to 63 letters, digits and _./- that begins with a letter or digit; "node.name" and "cube." are reserved';

export const LABEL_VALUE_WANTED = 'a text of at most 63 visible characters';

export function isLabelKey(text: string): boolean {
  return LABEL_KEY.test(text) && !RESERVED.test(text);
}

export function isLabelValue(text: string): boolean {
  return VALUE.test(text);
}
