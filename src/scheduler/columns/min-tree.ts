/**
 * A tournament over numbers at fixed places: the lowest of all, how many share it, and the first
 * low one from a place on, each in a number of steps that grows with the logarithm of the places.
 * Infinity stands for no number.
 */
export class MinTree {
  /** Leaves begin at `#width`; node i has the children 2i and 2i + 1. */
  readonly #lowest: Float64Array;
  readonly #counts: Int32Array;
  readonly #width: number;

  constructor(values: Float64Array) {
    let width = 1;
    while (width < values.length) width *= 2;
    this.#width = width;
    this.#lowest = new Float64Array(2 * width).fill(Number.POSITIVE_INFINITY);
    this.#counts = new Int32Array(2 * width).fill(1, width);
    this.#lowest.set(values, width);
    for (let node = width - 1; node > 0; node -= 1) this.#settle(node);
  }

  /** The lowest number of all. */
  get lowest(): number {
    return this.#lowest[1] ?? Number.POSITIVE_INFINITY;
  }

  /** How many places have the lowest number. */
  get lowestCount(): number {
    return this.#counts[1] ?? 0;
  }

  get(place: number): number {
    return this.#lowest[this.#width + place] ?? Number.POSITIVE_INFINITY;
  }

  set(place: number, value: number): void {
    let node = this.#width + place;
    this.#lowest[node] = value;
    for (node >>= 1; node > 0; node >>= 1) this.#settle(node);
  }

  /** The place of the lowest number, the one at that index where several share it. */
  placeOfLowest(index: number): number {
    const { lowest } = this;
    let left = index;
    let node = 1;
    while (node < this.#width) {
      node *= 2;
      if (this.#lowest[node] !== lowest) node += 1;
      else {
        const count = this.#counts[node] ?? 0;
        if (left >= count) {
          left -= count;
          node += 1;
        }
      }
    }
    return node - this.#width;
  }

  /** The places of the lowest numbers, up to so many, lowest first; of equals the first. */
  lowestPlaces(countMax: number): readonly number[] {
    const places: number[] = [];
    const values: number[] = [];
    while (places.length < countMax && this.lowest !== Number.POSITIVE_INFINITY) {
      const place = this.placeOfLowest(0);
      places.push(place);
      values.push(this.lowest);
      this.set(place, Number.POSITIVE_INFINITY);
    }
    for (const [index, place] of places.entries()) this.set(place, values[index] ?? 0);
    return places;
  }

  /** The first place from `start` on with a number; undefined when there is none. */
  findFrom(start: number): number | undefined {
    if (start >= this.#width) return undefined;
    let node = this.#width + start;
    while (this.#lowest[node] === Number.POSITIVE_INFINITY) {
      // Up until there is a neighbour on the right, and over to it.
      while (node % 2 === 1) {
        if ((node & (node + 1)) === 0) return undefined;
        node >>= 1;
      }
      node += 1;
    }
    while (node < this.#width) {
      node *= 2;
      if (this.#lowest[node] === Number.POSITIVE_INFINITY) node += 1;
    }
    return node - this.#width;
  }

  #settle(node: number): void {
    const left = this.#lowest[2 * node] ?? 0;
    const right = this.#lowest[2 * node + 1] ?? 0;
    this.#lowest[node] = Math.min(left, right);
    const leftCount = left <= right ? (this.#counts[2 * node] ?? 0) : 0;
    const rightCount = right <= left ? (this.#counts[2 * node + 1] ?? 0) : 0;
    this.#counts[node] = leftCount + rightCount;
  }
}
