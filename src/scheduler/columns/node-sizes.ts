import type { Resources } from '../../node/node.ts';

/**
 * The different sizes of nodes in a cluster. There are few as a rule, and what depends on the size
 * and on the task is computed once for each of them.
 */
export class NodeSizes {
  readonly list: Resources[] = [];
  readonly #places = new Map<string, number>();

  clear(): void {
    this.list.length = 0;
    this.#places.clear();
  }

  /** The place of that size in the list, at its end where it is new. */
  placeOf(capacity: Resources): number {
    const key = `${capacity.cpu} ${capacity.memory} ${capacity.disk}`;
    const known = this.#places.get(key);
    if (known !== undefined) return known;
    this.#places.set(key, this.list.length);
    return this.list.push(capacity) - 1;
  }
}
