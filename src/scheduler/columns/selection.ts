import { BEST_COUNT_MAX } from '../decide.ts';

/** The few rows with the lowest scores, from one pass over all rows in their order. */
export class Selection {
  /** Lowest score first; among equals in the order of the rows. */
  readonly rows: Int32Array = new Int32Array(BEST_COUNT_MAX);
  readonly scores: Float64Array = new Float64Array(BEST_COUNT_MAX);
  count = 0;
  /** Only a row whose score is below is still taken. */
  bar: number = Number.POSITIVE_INFINITY;

  clear(): void {
    this.count = 0;
    this.bar = Number.POSITIVE_INFINITY;
  }

  /** Takes in a row that comes after all before, with a score below the bar. */
  take(row: number, score: number): void {
    const { scores, rows } = this;
    const isFull = this.count === BEST_COUNT_MAX;
    let place = isFull ? BEST_COUNT_MAX - 1 : this.count;
    while (place > 0 && (scores[place - 1] ?? 0) > score) {
      scores[place] = scores[place - 1] ?? 0;
      rows[place] = rows[place - 1] ?? 0;
      place -= 1;
    }
    scores[place] = score;
    rows[place] = row;
    if (!isFull) this.count += 1;
    if (this.count === BEST_COUNT_MAX) this.bar = scores[BEST_COUNT_MAX - 1] ?? 0;
  }
}
