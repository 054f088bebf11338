import type { Demand } from './demand.ts';
import type { NodeColumns } from './node-columns.ts';

/** How many of the ports that a task asks for are held in each row. */
export class HeldPorts {
  readonly #columns: NodeColumns;
  #counts = new Uint8Array(0);

  constructor(columns: NodeColumns) {
    this.#columns = columns;
  }

  /** Valid until the next call; undefined for a task that asks for none. */
  count({ ports }: Demand): Uint8Array | undefined {
    if (ports.length === 0) return undefined;
    const { rowCount, ledger } = this.#columns;
    if (this.#counts.length !== rowCount) this.#counts = new Uint8Array(rowCount);
    const counts = this.#counts.fill(0);
    for (const port of ports) {
      for (const node of ledger.holdersOf(port)) {
        const row = this.#columns.findRow(node);
        if (row !== undefined) counts[row] = (counts[row] ?? 0) + 1;
      }
    }
    return counts;
  }
}
