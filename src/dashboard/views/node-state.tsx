import type { JSX } from 'preact';
import type { NodeReply } from '../../link/replies.ts';
import { nodeState } from '../../node/node.ts';

const marks = { up: '●', draining: '◒', unreachable: '◌', down: '✕' } as const;

/** How a node is doing, by sign and word. */
export function NodeState({ node }: { readonly node: NodeReply }): JSX.Element {
  const state = nodeState(node);
  return (
    <span class={`node-state node-${state}`}>
      <span aria-hidden="true">{marks[state]} </span>
      {state}
      {node.flapping === true ? ', flapping' : ''}
    </span>
  );
}
