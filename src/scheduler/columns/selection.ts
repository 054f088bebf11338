import { BEST_COUNT_MAX } from '../decide.ts';

/**
 * The lowest scores seen, in one pass over the rows in their order: those of the best few, and
 * every row that shares the very lowest.
 */
export class Selection {
  /** The best rows, lowest score first; among equals in the order of the rows. */
  readonly rows: Int32Array = new Int32Array(BEST_COUNT_MAX);
  readonly scores: Float64Array = new Float64Array(BEST_COUNT_MAX);
  count = 0;
  /** A row whose score is higher is nothing to this selection. */
  bar: number = Number.POSITIVE_INFINITY;
  #equals = new Int32Array(0);
  #equalCount = 0;

  /** Begins anew, for up to so many rows. */
  begin(rowCount: number): void {
    if (this.#equals.length < rowCount) this.#equals = new Int32Array(rowCount);
    this.#equalCount = 0;
    this.count = 0;
    this.bar = Number.POSITIVE_INFINITY;
  }

  /** How many rows share the lowest score. */
  get equalCount(): number {
    return this.#equalCount;
  }

  /** One of the rows that share the lowest score, counted from 0 in their order. */
  equal(index: number): number {
    return this.#equals[index] ?? -1;
  }

  /** Takes in a row that comes after all before, with a score that is not above the bar. */
  take(row: number, score: number): void {
    const { scores, rows } = this;
    const lowest = this.count === 0 ? Number.POSITIVE_INFINITY : (scores[0] ?? 0);
    if (score < lowest) this.#equalCount = 0;
    if (score <= lowest) {
      this.#equals[this.#equalCount] = row;
      this.#equalCount += 1;
    }
    const isFull = this.count === BEST_COUNT_MAX;
    if (isFull && score === this.bar) return;
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
