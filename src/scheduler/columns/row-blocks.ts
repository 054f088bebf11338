/**
 * Rows are looked at in blocks: what holds for the least of a block holds for all of it, so that
 * one look may settle eight rows. Few enough that the least is close to the rest.
 */
export const BLOCK_BITS = 3;

/** How many rows are in one block; fewer in the last. */
export const BLOCK_ROWS: number = 1 << BLOCK_BITS;

/** How many blocks there are for so many rows. */
export function blockCount(rowCount: number): number {
  return (rowCount + BLOCK_ROWS - 1) >> BLOCK_BITS;
}

/** The least value of a column in a block. */
export function leastOf(column: Float64Array, block: number): number {
  const start = block << BLOCK_BITS;
  const end = Math.min(start + BLOCK_ROWS, column.length);
  let least = Number.POSITIVE_INFINITY;
  for (let row = start; row < end; row += 1) {
    const value = column[row] ?? 0;
    if (value < least) least = value;
  }
  return least;
}

/** Whether a column has one value in a block. */
export function isEvenIn(column: Float64Array | Int32Array, block: number): boolean {
  const start = block << BLOCK_BITS;
  const end = Math.min(start + BLOCK_ROWS, column.length);
  const first = column[start];
  for (let row = start + 1; row < end; row += 1) if (column[row] !== first) return false;
  return true;
}

/** In place of the size of a node, where there are several. */
export const MIXED = -1;
