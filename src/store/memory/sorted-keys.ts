/**
 * The keys of a collection in their order, at a price that fits how stores are used: additions
 * and removals cost nothing until the next page is read, which then merges them in one pass.
 * Keys that grow, as those of a log do, are appended at once.
 */
export class SortedKeys {
  #sorted: string[] = [];
  readonly #added = new Set<string>();
  readonly #removed = new Set<string>();

  /** Takes in a key that is not there. */
  add(key: string): void {
    if (this.#removed.delete(key)) return;
    const last = this.#sorted.at(-1);
    if (this.#added.size === 0 && (last === undefined || key > last)) this.#sorted.push(key);
    else this.#added.add(key);
  }

  /** Takes out a key that is there. */
  remove(key: string): void {
    if (!this.#added.delete(key)) this.#removed.add(key);
  }

  /** Up to `limit` keys after `after`; in reverse, those before it, from the last on. */
  page(after: string | undefined, limit: number, reverse: boolean): readonly string[] {
    this.#settle();
    if (reverse) {
      const end = after === undefined ? this.#sorted.length : this.#countBelow(after);
      return this.#sorted.slice(Math.max(0, end - limit), end).reverse();
    }
    const start = after === undefined ? 0 : this.#countUpTo(after);
    return this.#sorted.slice(start, start + limit);
  }

  #settle(): void {
    if (this.#added.size === 0 && this.#removed.size === 0) return;
    const kept =
      this.#removed.size === 0
        ? this.#sorted
        : this.#sorted.filter((key) => !this.#removed.has(key));
    this.#sorted = this.#added.size === 0 ? kept : merge(kept, [...this.#added].sort());
    this.#added.clear();
    this.#removed.clear();
  }

  #countBelow(bound: string): number {
    return lowerBound(this.#sorted, (key) => key < bound);
  }

  #countUpTo(bound: string): number {
    return lowerBound(this.#sorted, (key) => key <= bound);
  }
}

/** How many keys at the front satisfy `isBefore`; those that do all come first. */
function lowerBound(sorted: readonly string[], isBefore: (key: string) => boolean): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const key = sorted[middle];
    if (key !== undefined && isBefore(key)) low = middle + 1;
    else high = middle;
  }
  return low;
}

function merge(left: readonly string[], right: readonly string[]): string[] {
  const merged: string[] = [];
  let next = 0;
  for (const key of left) {
    for (let other = right[next]; other !== undefined && other < key; other = right[next]) {
      merged.push(other);
      next += 1;
    }
    merged.push(key);
  }
  for (let other = right[next]; other !== undefined; other = right[next]) {
    merged.push(other);
    next += 1;
  }
  return merged;
}
