import type { MinTree } from './min-tree.ts';

/** Scores for taking turns: how far each row is behind the first in turn, round the end. */
export function fillTurns(scores: Float64Array, first: number): void {
  const count = scores.length;
  for (let row = first; row < count; row += 1) scores[row] = row - first;
  for (let row = 0; row < first; row += 1) scores[row] = row + count - first;
}

/** The next rows in turn that are in the tree, up to so many, round the end. */
export function takeTurns(tree: MinTree, first: number, countMax: number): readonly number[] {
  const rows: number[] = [];
  let start = first;
  while (rows.length < countMax) {
    const row = tree.findFrom(start) ?? tree.findFrom(0);
    if (row === undefined || row === rows[0]) break;
    rows.push(row);
    start = row + 1;
  }
  return rows;
}
