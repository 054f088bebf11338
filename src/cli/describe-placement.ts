import type { Placement, Verdict } from '../task/placement.ts';
import type { CliIo } from './cli-io.ts';
import { countOf, toPlainText } from './plain-text.ts';
import { formatTable } from './table.ts';

/** `The scheduler epvm chose n1: 2 of 3 nodes could take it`. */
export function describePlacement(placement: Placement): string {
  const { scheduler, node, nodeCount, feasibleCount } = placement;
  const counts = `${feasibleCount} of ${countOf(nodeCount, 'node')} could take it`;
  const choice = node === undefined ? 'placed it nowhere' : `chose ${node}`;
  return toPlainText(`The scheduler ${scheduler} ${choice}: ${counts}`);
}

/** A table of every node with its score, or every reason against it; the best first. */
export function describeVerdicts(
  io: CliIo,
  verdicts: readonly Verdict[],
  placement: Placement,
): string {
  if (verdicts.length === 0) return '';
  const inOrder = verdicts.toSorted((a, b) => order(a) - order(b));
  const rows = inOrder.map((verdict) => [
    `${verdict.node === placement.node ? '*' : ' '} ${verdict.node}`,
    verdict.score === undefined ? '-' : formatScore(verdict.score),
    verdict.rejections.map(({ message }) => message).join('; ') || 'fits',
  ]);
  const columns = [
    { title: '  NODE', widthMin: 10 },
    { title: 'SCORE', align: 'right' },
    { title: 'VERDICT' },
  ] as const;
  return formatTable(columns, rows, { width: io.stdout.columns }).trimEnd();
}

function order(verdict: Verdict): number {
  return verdict.score ?? Number.POSITIVE_INFINITY;
}

function formatScore(score: number): string {
  return String(Number(score.toPrecision(6)));
}

/** What the event itself records, where the log does not reach back to every node's verdict. */
export function describeCounts(placement: Placement): string {
  const best = placement.best.map(({ node, score }) => `  ${node}: score ${formatScore(score)}`);
  const rejected = placement.rejected.map(
    ({ nodeCount, nearest }) =>
      `  ${countOf(nodeCount, 'node')}: ${nearest.rejection.message} (nearest: ${nearest.node})`,
  );
  return [...best, ...rejected].map(toPlainText).join('\n');
}
