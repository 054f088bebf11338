import type { Node } from '../node/node.ts';

/**
 * The nodes, with what is asked of all of them at once. Nodes change far more often than they come,
 * and are asked for with every event, so that no question here walks through all of them.
 */
export class NodeTable {
  readonly #nodes = new Map<string, Node>();
  readonly #draining = new Set<string>();
  /** The names under which each worker is known, by the worker's id. */
  readonly #namesById = new Map<string, Set<string>>();
  /** In the order of their names; undefined when something has changed since it was made. */
  #sorted: readonly Node[] | undefined;
  /** Sorted; undefined when a node has come since. */
  #names: readonly string[] | undefined;

  get size(): number {
    return this.#nodes.size;
  }

  find(name: string): Node | undefined {
    return this.#nodes.get(name);
  }

  /** The node is new, or has changed. */
  set(node: Node): void {
    const { name, id, draining } = node;
    const before = this.#nodes.get(name);
    this.#nodes.set(name, node);
    this.#sorted = undefined;
    if (before === undefined) this.#names = undefined;
    if (draining) this.#draining.add(name);
    else this.#draining.delete(name);
    if (before?.id === id) return;
    if (before !== undefined) this.#namesById.get(before.id)?.delete(name);
    const names = this.#namesById.get(id);
    if (names === undefined) this.#namesById.set(id, new Set([name]));
    else names.add(name);
  }

  /** Every node, in the order of their names. */
  sorted(): readonly Node[] {
    this.#names ??= [...this.#nodes.keys()].sort();
    this.#sorted ??= this.#names.flatMap((name) => this.#nodes.get(name) ?? []);
    return this.#sorted;
  }

  /** The names of the nodes that are being drained, in no order of note. */
  get draining(): ReadonlySet<string> {
    return this.#draining;
  }

  /** The nodes as which the worker of this id is known. */
  ofWorker(id: string): readonly Node[] {
    return [...(this.#namesById.get(id) ?? [])].flatMap((name) => this.#nodes.get(name) ?? []);
  }
}
