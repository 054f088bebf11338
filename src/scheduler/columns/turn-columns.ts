import type { MinTree } from './min-tree.ts';
import type { NodeColumns } from './node-columns.ts';
import { BLOCK_BITS, BLOCK_ROWS } from './row-blocks.ts';
import { fillRowByRow, type ScoreColumns } from './score-columns.ts';

/** Taking turns over columns: how far each row is behind the first in turn, round the end. */
export class TurnColumns implements ScoreColumns {
  readonly isByTurn = true;
  readonly version = 0;
  readonly #columns: NodeColumns;
  #first = 0;

  constructor(columns: NodeColumns) {
    this.#columns = columns;
  }

  update(): void {
    // Nothing is kept of a row.
  }

  begin(_scored: unknown, first: number): void {
    this.#first = first;
  }

  fill(block: number, scores: Float64Array): number {
    return fillRowByRow(this, block, scores);
  }

  scoreOf(row: number): number {
    return row >= this.#first ? row - this.#first : row + this.#columns.rowCount - this.#first;
  }

  fillBounds(bounds: Float64Array): void {
    for (let block = 0; block < bounds.length; block += 1) {
      const start = block << BLOCK_BITS;
      const holdsFirst = start <= this.#first && this.#first < start + BLOCK_ROWS;
      bounds[block] = holdsFirst ? 0 : this.scoreOf(start);
    }
  }
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
