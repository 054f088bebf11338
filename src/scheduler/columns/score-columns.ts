import type { Resources } from '../../node/node.ts';
import { BLOCK_BITS, BLOCK_ROWS } from './row-blocks.ts';

/**
 * The score of a policy over the rows of the columns: the same numbers, to the last bit, as its
 * `score` gives for snapshots. What a node contributes is kept in columns of its own where that
 * saves work, and computed again only for rows that have changed.
 */
export interface ScoreColumns {
  /**
   * Whether nodes take turns: then a score says how far a row is from its turn, and what counts is
   * the order alone.
   */
  readonly isByTurn: boolean;

  /** Grows when the scores of all rows have changed, whatever the rows say. */
  readonly version: number;

  /** Takes in the rows that have changed. */
  update(): void;

  /** Gets ready to score a task that counts for so much, where `first` is the row in turn. */
  begin(scored: Resources, first: number): void;

  /**
   * Writes the scores of the rows of a block to the places from 0 on.
   *
   * @returns the least of them.
   */
  fill(block: number, scores: Float64Array): number;

  /** The score of one row. */
  scoreOf(row: number): number;

  /** Writes for every stretch a number that is above no score in it. */
  fillBounds(bounds: Float64Array): void;

  /** The same for every block of a stretch. */
  fillBlockBounds(stretch: number, bounds: Float64Array): void;

  /**
   * How many rows of the stretch have exactly this score, where none has a lower one. Undefined
   * where that takes a look at its rows.
   */
  countLowest(stretch: number, lowest: number): number | undefined;
}

/** Fills a block where there is no shorter way than to ask for the score of each row. */
export function fillRowByRow(columns: ScoreColumns, block: number, scores: Float64Array): number {
  const start = block << BLOCK_BITS;
  let least = Number.POSITIVE_INFINITY;
  for (let place = 0; place < BLOCK_ROWS; place += 1) {
    const score = columns.scoreOf(start + place);
    scores[place] = score;
    if (score < least) least = score;
  }
  return least;
}
