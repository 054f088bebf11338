import { rejectionCodes } from '../../task/placement.ts';
import type { Demand } from './demand.ts';
import type { NodeColumns } from './node-columns.ts';

const CODE_COUNT = rejectionCodes.length;
const CPU_SHORT = rejectionCodes.indexOf('cpu-short');
const MEMORY_SHORT = rejectionCodes.indexOf('memory-short');
const DISK_SHORT = rejectionCodes.indexOf('disk-short');

/** No row is refused for that reason. */
const NONE = -1;
/** Some are, and which one comes nearest has to be looked for. */
const LOST = -2;

/** Greater than any number of reasons. */
const FAR = 0x7fffffff;

/**
 * The rows refused for each reason: how many, and which one comes nearest to taking the task, by
 * the number of reasons in its way, then what is short, then its place. Reasons are counted by the
 * place of their code in `rejectionCodes`.
 */
export class Tally {
  readonly #columns: NodeColumns;
  readonly counts: Int32Array = new Int32Array(CODE_COUNT);
  readonly #nearest = new Int32Array(CODE_COUNT);
  readonly #reasonCounts = new Int32Array(CODE_COUNT);
  readonly #shortages = new Float64Array(CODE_COUNT);
  #demand: Demand | undefined;

  constructor(columns: NodeColumns) {
    this.#columns = columns;
  }

  /** Begins anew, for what that task needs. */
  begin(demand: Demand): void {
    this.#demand = demand;
    this.counts.fill(0);
    this.#nearest.fill(NONE);
    this.#reasonCounts.fill(FAR);
  }

  /** Counts a row that is refused for this set of codes, by so many reasons in all. */
  add(row: number, codes: number, reasonCount: number): void {
    for (let rest = codes; rest !== 0; rest &= rest - 1) {
      const code = lowest(rest);
      this.counts[code] = (this.counts[code] ?? 0) + 1;
      if (this.#nearest[code] !== LOST) this.consider(code, row, reasonCount);
    }
  }

  /** Takes back what was counted of a row. */
  remove(row: number, codes: number): void {
    for (let rest = codes; rest !== 0; rest &= rest - 1) {
      const code = lowest(rest);
      const count = (this.counts[code] ?? 0) - 1;
      this.counts[code] = count;
      if (count > 0 && this.#nearest[code] !== row) continue;
      this.#nearest[code] = count === 0 ? NONE : LOST;
      this.#reasonCounts[code] = FAR;
    }
  }

  /** The row that comes nearest; undefined when all that are refused have to be considered. */
  findNearest(code: number): number | undefined {
    const nearest = this.#nearest[code] ?? LOST;
    return nearest === LOST ? undefined : nearest;
  }

  /** Makes the row the nearest one if it is. */
  consider(code: number, row: number, reasonCount: number): void {
    const least = this.#reasonCounts[code] ?? FAR;
    if (reasonCount > least) return;
    const shortage = this.#shortageOf(code, row);
    if (reasonCount === least) {
      const smallest = this.#shortages[code] ?? 0;
      if (shortage > smallest || (shortage === smallest && row > (this.#nearest[code] ?? row))) {
        return;
      }
    }
    this.#nearest[code] = row;
    this.#reasonCounts[code] = reasonCount;
    this.#shortages[code] = shortage;
  }

  /** What is short, in the unit in which it is told; nothing where it is not a matter of amounts. */
  #shortageOf(code: number, row: number): number {
    const demand = this.#demand;
    if (demand === undefined) return 0;
    const { freeCpu, freeMemory, freeDisk } = this.#columns;
    if (code === CPU_SHORT) return demand.cpu / 1000 - Math.max(0, freeCpu[row] ?? 0) / 1000;
    if (code === MEMORY_SHORT) return demand.memory - Math.max(0, freeMemory[row] ?? 0);
    if (code === DISK_SHORT) return demand.disk - Math.max(0, freeDisk[row] ?? 0);
    return 0;
  }
}

/** The number of the lowest bit that is set. */
function lowest(bits: number): number {
  return 31 - Math.clz32(bits & -bits);
}
