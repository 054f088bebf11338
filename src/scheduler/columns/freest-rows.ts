import { STRETCH_BITS, STRETCH_ROWS, stretchCount } from './row-blocks.ts';

/** Nothing is known of a stretch since one of its rows has changed. */
const STALE = -1;

/**
 * How many rows of a stretch are the freest of it by both of two columns, and how near the others
 * come: in a cluster with many nodes alike these are what every task goes to, and they have only to
 * be counted. A score that never falls as either column grows is lowest for them, and is theirs
 * alone where it is higher for both `next` values.
 */
export class FreestRows {
  readonly #first: Float64Array;
  readonly #second: Float64Array;
  readonly #counts: Int32Array;
  /** The least value in the first column, and the least that is greater. */
  readonly leastFirst: Float64Array;
  readonly nextFirst: Float64Array;
  readonly leastSecond: Float64Array;
  readonly nextSecond: Float64Array;

  constructor(first: Float64Array, second: Float64Array) {
    const count = stretchCount(first.length);
    this.#first = first;
    this.#second = second;
    this.#counts = new Int32Array(count).fill(STALE);
    this.leastFirst = new Float64Array(count);
    this.nextFirst = new Float64Array(count);
    this.leastSecond = new Float64Array(count);
    this.nextSecond = new Float64Array(count);
  }

  /** A row has changed. */
  note(row: number): void {
    this.#counts[row >> STRETCH_BITS] = STALE;
  }

  /** How many rows have the least value in both columns; the values of the stretch are then current. */
  count(stretch: number): number {
    const count = this.#counts[stretch] ?? 0;
    return count === STALE ? this.#look(stretch) : count;
  }

  #look(stretch: number): number {
    const start = stretch << STRETCH_BITS;
    const end = Math.min(start + STRETCH_ROWS, this.#first.length);
    let [leastFirst, nextFirst] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
    let [leastSecond, nextSecond] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
    for (let row = start; row < end; row += 1) {
      const first = this.#first[row] ?? 0;
      const second = this.#second[row] ?? 0;
      if (first < leastFirst) [leastFirst, nextFirst] = [first, leastFirst];
      else if (first > leastFirst && first < nextFirst) nextFirst = first;
      if (second < leastSecond) [leastSecond, nextSecond] = [second, leastSecond];
      else if (second > leastSecond && second < nextSecond) nextSecond = second;
    }
    let count = 0;
    for (let row = start; row < end; row += 1) {
      if (this.#first[row] === leastFirst && this.#second[row] === leastSecond) count += 1;
    }
    this.leastFirst[stretch] = leastFirst;
    this.nextFirst[stretch] = nextFirst;
    this.leastSecond[stretch] = leastSecond;
    this.nextSecond[stretch] = nextSecond;
    this.#counts[stretch] = count;
    return count;
  }
}
