import type { Demand } from './demand.ts';
import type { NodeColumns } from './node-columns.ts';
import type { Standing } from './standing.ts';

/**
 * How many reasons there are against each row apart from what is short: those of its standing, and
 * one for each port that is held there. Where no ports are asked for it is the standing itself.
 */
export class BlockedRows {
  readonly #columns: NodeColumns;
  #scratch = new Uint16Array(0);

  constructor(columns: NodeColumns) {
    this.#columns = columns;
  }

  count(demand: Demand, standing: Standing): Uint16Array {
    const { reasonCounts } = standing;
    if (demand.ports.length === 0) return reasonCounts;
    if (this.#scratch.length !== reasonCounts.length) {
      this.#scratch = new Uint16Array(reasonCounts.length);
    }
    const blocked = this.#scratch;
    blocked.set(reasonCounts);
    for (const port of demand.ports) {
      for (const node of this.#columns.ledger.holdersOf(port)) {
        const row = this.#columns.findRow(node);
        if (row !== undefined) blocked[row] = (blocked[row] ?? 0) + 1;
      }
    }
    return blocked;
  }
}
