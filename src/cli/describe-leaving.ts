import type { ExplanationReply } from '../link/replies.ts';

/**
 * What becomes of a task that is to leave its drained node: `goes to n2 when its turn comes`, or why
 * it has to stay.
 */
export function describeLeaving(
  { placement, verdicts }: NonNullable<ExplanationReply['now']>,
  drained: string,
): string {
  if (placement.node !== undefined) return `goes to ${placement.node} when its turn comes`;
  const others = verdicts
    .filter(({ node }) => node !== drained)
    .toSorted((a, b) => a.rejections.length - b.rejections.length);
  const [nearest] = others;
  if (nearest === undefined) return 'cannot leave: there is no other node';
  const why = nearest.rejections.map(({ message }) => message).join('; ');
  return others.length === 1
    ? `cannot leave: the only other node, ${nearest.node}, cannot take it: ${why}`
    : `cannot leave: none of ${others.length} other nodes can take it; the nearest, ${nearest.node}, says: ${why}`;
}
