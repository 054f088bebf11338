/**
 * Rows are looked at in blocks, and blocks in stretches: what holds for the least of them holds
 * for all, so that one look may settle eight rows, or two hundred and fifty-six. Blocks are so
 * small that their least is close to the rest; stretches so large that they are few.
 */
export const BLOCK_BITS = 3;

/** How many rows are in one block; fewer in the last. */
export const BLOCK_ROWS: number = 1 << BLOCK_BITS;

export const STRETCH_BITS = 8;

/** How many rows are in one stretch; fewer in the last. */
export const STRETCH_ROWS: number = 1 << STRETCH_BITS;

/** How many blocks are in one stretch; fewer in the last. */
export const STRETCH_BLOCKS: number = STRETCH_ROWS / BLOCK_ROWS;

/** How many blocks there are for so many rows. */
export function blockCount(rowCount: number): number {
  return (rowCount + BLOCK_ROWS - 1) >> BLOCK_BITS;
}

/** How many stretches there are for so many rows. */
export function stretchCount(rowCount: number): number {
  return (rowCount + STRETCH_ROWS - 1) >> STRETCH_BITS;
}

/** In place of the size of a node, where there are several. */
export const MIXED = -1;

/** The one value that a column has from `start` on, in so many places; `MIXED` where it has several. */
export function valueIn(column: Int32Array, start: number, count: number): number {
  const end = Math.min(start + count, column.length);
  const first = column[start] ?? MIXED;
  for (let place = start + 1; place < end; place += 1) if (column[place] !== first) return MIXED;
  return first;
}
