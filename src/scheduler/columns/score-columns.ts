import type { Resources } from '../../node/node.ts';

/**
 * The score of a policy over the rows of the columns: the same numbers, to the last bit, as its
 * `score` gives for snapshots. What a node contributes is kept in columns of its own where that
 * saves work, and computed again only for rows that have changed.
 */
export interface ScoreColumns {
  /** Grows when the scores of all rows have changed, whatever the rows say. */
  readonly version: number;

  /** Takes in the rows that have changed. */
  update(): void;

  /** Gets ready to score a task that counts for so much. */
  begin(scored: Resources): void;

  /** Writes the score of every row, whether or not its node can take the task. */
  fill(scores: Float64Array): void;

  /** The score of one row. */
  scoreOf(row: number): number;
}
