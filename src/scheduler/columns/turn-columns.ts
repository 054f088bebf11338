import type { MinTree } from './min-tree.ts';
import type { NodeColumns } from './node-columns.ts';
import {
  BLOCK_BITS,
  BLOCK_ROWS,
  STRETCH_BITS,
  STRETCH_BLOCKS,
  STRETCH_ROWS,
} from './row-blocks.ts';
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
    for (let stretch = 0; stretch < bounds.length; stretch += 1) {
      bounds[stretch] = this.#boundFrom(stretch << STRETCH_BITS, STRETCH_ROWS);
    }
  }

  fillBlockBounds(stretch: number, bounds: Float64Array): void {
    const first = stretch * STRETCH_BLOCKS;
    const end = Math.min(first + STRETCH_BLOCKS, bounds.length);
    for (let block = first; block < end; block += 1) {
      bounds[block] = this.#boundFrom(block << BLOCK_BITS, BLOCK_ROWS);
    }
  }

  /** No two rows are equally far from their turn, so that there is nothing to count. */
  countLowest(): undefined {
    return undefined;
  }

  #boundFrom(start: number, count: number): number {
    const holdsFirst = start <= this.#first && this.#first < start + count;
    return holdsFirst ? 0 : this.scoreOf(start);
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
