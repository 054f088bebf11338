/**
 * Which nodes have changed, in order, by index: what is computed from the columns keeps its own
 * position in here and brings itself up to date from there. Bounded: who has fallen behind too far
 * to be told begins anew.
 */
export class ChangeLog {
  readonly #changes: number[] = [];
  readonly #countMax: number;
  #start = 0;

  /** @param countMax of how many changes it can tell at least. */
  constructor(countMax: number) {
    this.#countMax = countMax;
  }

  /** The position after the latest change. Only grows. */
  get end(): number {
    return this.#start + this.#changes.length;
  }

  add(index: number): void {
    // Cut rarely, so that the cost of moving the rest is spread over many changes.
    if (this.#changes.length >= 2 * this.#countMax) {
      this.#start += this.#countMax;
      this.#changes.splice(0, this.#countMax);
    }
    this.#changes.push(index);
  }

  /** Whether all changes since that position are still known. */
  reaches(position: number): boolean {
    return position >= this.#start;
  }

  /** The index of the node in the change at that position. */
  at(position: number): number {
    return this.#changes[position - this.#start] ?? -1;
  }
}
