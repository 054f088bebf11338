import type { Resources } from '../../node/node.ts';
import { MIXED } from './row-blocks.ts';

/** A number for each size of node in a cluster, and the least of them. */
export class BySize {
  #values = new Float64Array(0);
  #least = 0;

  fill(sizes: readonly Resources[], numberOf: (capacity: Resources) => number): void {
    if (this.#values.length < sizes.length) this.#values = new Float64Array(2 * sizes.length);
    let least = Number.POSITIVE_INFINITY;
    for (let size = 0; size < sizes.length; size += 1) {
      const capacity = sizes[size];
      const value = capacity === undefined ? 0 : numberOf(capacity);
      this.#values[size] = value;
      least = Math.min(least, value);
    }
    this.#least = least;
  }

  /** That of the size at this place; for `MIXED` the least of all. */
  of(size: number): number {
    return size === MIXED ? this.#least : (this.#values[size] ?? 0);
  }
}
