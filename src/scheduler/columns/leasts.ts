import {
  BLOCK_BITS,
  BLOCK_ROWS,
  blockCount,
  STRETCH_BITS,
  STRETCH_BLOCKS,
  stretchCount,
} from './row-blocks.ts';

/** The least value of a column in each block of rows, and in each stretch. */
export class Leasts {
  readonly blocks: Float64Array;
  readonly stretches: Float64Array;
  readonly #column: Float64Array;

  constructor(column: Float64Array) {
    this.#column = column;
    this.blocks = new Float64Array(blockCount(column.length));
    this.stretches = new Float64Array(stretchCount(column.length));
    for (let block = 0; block < this.blocks.length; block += 1) this.#settleBlock(block);
    for (let stretch = 0; stretch < this.stretches.length; stretch += 1) {
      this.#settleStretch(stretch);
    }
  }

  /** Takes in a row that has changed. */
  settle(row: number): void {
    this.#settleBlock(row >> BLOCK_BITS);
    this.#settleStretch(row >> STRETCH_BITS);
  }

  #settleBlock(block: number): void {
    this.blocks[block] = leastOf(this.#column, block << BLOCK_BITS, BLOCK_ROWS);
  }

  #settleStretch(stretch: number): void {
    this.stretches[stretch] = leastOf(this.blocks, stretch * STRETCH_BLOCKS, STRETCH_BLOCKS);
  }
}

function leastOf(values: Float64Array, start: number, count: number): number {
  const end = Math.min(start + count, values.length);
  let least = Number.POSITIVE_INFINITY;
  for (let place = start; place < end; place += 1) {
    const value = values[place] ?? 0;
    if (value < least) least = value;
  }
  return least;
}
