/**
 * The least of a column whose values change one by one. Looked for anew only after the least
 * itself has grown, which placements never make it do.
 */
export class LeastOfAll {
  #least = 0;
  #isKnown = false;

  /** The column has been written anew. */
  forget(): void {
    this.#isKnown = false;
  }

  /** One value has changed. */
  note(before: number, after: number): void {
    if (after <= this.#least) this.#least = after;
    else if (before === this.#least) this.#isKnown = false;
  }

  /** Infinite for an empty column. */
  of(column: Float64Array): number {
    if (!this.#isKnown) {
      this.#least = Number.POSITIVE_INFINITY;
      for (const value of column) if (value < this.#least) this.#least = value;
      this.#isKnown = true;
    }
    return this.#least;
  }
}
