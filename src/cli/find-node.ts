import { CubeError } from '../errors/cube-error.ts';
import { quoteText } from '../errors/describe-value.ts';
import type { NodeReply } from '../link/replies.ts';

/** @throws CubeError `not-found`, when none has that name. */
export function findNode(nodes: readonly NodeReply[], name: string): NodeReply {
  const node = nodes.find((one) => one.name === name);
  if (node !== undefined) return node;
  throw new CubeError('not-found', `There is no node with the name ${quoteText(name)}.`, {
    hint: '"cube node" lists them all.',
  });
}
