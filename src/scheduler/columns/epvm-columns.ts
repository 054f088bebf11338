import type { Resources } from '../../node/node.ts';
import { BASE_MIN, costGrowth, costLevel } from '../policies/epvm.ts';
import { fraction } from '../utilisation.ts';
import { BySize } from './by-size.ts';
import type { NodeColumns } from './node-columns.ts';
import { BLOCK_BITS, BLOCK_ROWS, blockCount, leastOf, MIXED } from './row-blocks.ts';
import { fillRowByRow, type ScoreColumns } from './score-columns.ts';

/** Bounds are computed in another order than scores, and may be off by a few roundings. */
const ROUNDING = 1e-12;

/**
 * E-PVM over columns. A marginal cost is a product: the level of the node's cost, an exponential
 * of how full it is, and the growth that the task brings, which depends on the size of the node.
 * The levels are kept for each row and the growths computed once a task for each size of node, so
 * that what remains for each row is two multiplications.
 */
export class EpvmColumns implements ScoreColumns {
  readonly isByTurn = false;
  version = 0;
  readonly #columns: NodeColumns;
  #layout = -1;
  #position = 0;
  #steepness = 0;
  #cpuLevel = new Float64Array(0);
  #memoryLevel = new Float64Array(0);
  #diskLevel = new Float64Array(0);
  /** The least level in each block, and the least sum of those of cores and memory. */
  #leastCpu = new Float64Array(0);
  #leastMemory = new Float64Array(0);
  #leastSum = new Float64Array(0);
  readonly #cpuGrowth = new BySize();
  readonly #memoryGrowth = new BySize();
  readonly #diskGrowth = new BySize();
  #countsDisk = false;

  constructor(columns: NodeColumns) {
    this.#columns = columns;
  }

  update(): void {
    const { layout, changes, upCount } = this.#columns;
    const steepness = Math.log(Math.max(upCount, BASE_MIN));
    if (this.#layout !== layout || this.#steepness !== steepness) {
      this.#layout = layout;
      this.#steepness = steepness;
      this.#writeAll();
    } else {
      for (let at = this.#position; at < changes.end; at += 1) {
        const row = changes.at(at);
        this.#write(row);
        this.#settle(row >> BLOCK_BITS);
      }
    }
    this.#position = changes.end;
  }

  begin(scored: Resources): void {
    const { sizes } = this.#columns;
    const growth = (demand: number, capacity: number): number =>
      costGrowth(fraction(demand, capacity), this.#steepness);
    this.#countsDisk = scored.disk > 0;
    this.#cpuGrowth.fill(sizes, ({ cpu }) => growth(scored.cpu, cpu));
    this.#memoryGrowth.fill(sizes, ({ memory }) => growth(scored.memory, memory));
    if (this.#countsDisk) this.#diskGrowth.fill(sizes, ({ disk }) => growth(scored.disk, disk));
  }

  fill(block: number, scores: Float64Array): number {
    const start = block << BLOCK_BITS;
    const size = this.#columns.sizeIn[block] ?? MIXED;
    if (size === MIXED || this.#countsDisk) return fillRowByRow(this, block, scores);
    const cpuLevel = this.#cpuLevel;
    const memoryLevel = this.#memoryLevel;
    const cpu = this.#cpuGrowth.of(size);
    const memory = this.#memoryGrowth.of(size);
    let least = Number.POSITIVE_INFINITY;
    for (let place = 0; place < BLOCK_ROWS; place += 1) {
      const row = start + place;
      const score = (cpuLevel[row] ?? 0) * cpu + (memoryLevel[row] ?? 0) * memory;
      scores[place] = score;
      if (score < least) least = score;
    }
    return least;
  }

  scoreOf(row: number): number {
    const size = this.#columns.sizeOf[row] ?? MIXED;
    const cost =
      (this.#cpuLevel[row] ?? 0) * this.#cpuGrowth.of(size) +
      (this.#memoryLevel[row] ?? 0) * this.#memoryGrowth.of(size);
    if (!this.#countsDisk) return cost;
    return cost + (this.#diskLevel[row] ?? 0) * this.#diskGrowth.of(size);
  }

  /**
   * The freest node by cores and the one by memory are different ones as a rule, so that the sum
   * of both bounds is far too low. The part of the growths that is common to both meets the least
   * sum, which belongs to one node.
   */
  fillBounds(bounds: Float64Array): void {
    const { sizeIn } = this.#columns;
    const leastCpu = this.#leastCpu;
    const leastMemory = this.#leastMemory;
    const leastSum = this.#leastSum;
    let size = MIXED;
    let cpu = this.#cpuGrowth.of(MIXED);
    let memory = this.#memoryGrowth.of(MIXED);
    for (let block = 0; block < bounds.length; block += 1) {
      const sizeHere = sizeIn[block] ?? MIXED;
      if (sizeHere !== size) {
        size = sizeHere;
        cpu = this.#cpuGrowth.of(size);
        memory = this.#memoryGrowth.of(size);
      }
      const common = Math.min(cpu, memory);
      const bound =
        common * (leastSum[block] ?? 0) +
        (cpu - common) * (leastCpu[block] ?? 0) +
        (memory - common) * (leastMemory[block] ?? 0);
      bounds[block] = bound - bound * ROUNDING;
    }
  }

  #writeAll(): void {
    const { rowCount } = this.#columns;
    const blocks = blockCount(rowCount);
    this.version += 1;
    const rows = blocks * BLOCK_ROWS;
    this.#cpuLevel = new Float64Array(rows).fill(Number.POSITIVE_INFINITY, rowCount);
    this.#memoryLevel = new Float64Array(rows).fill(Number.POSITIVE_INFINITY, rowCount);
    this.#diskLevel = new Float64Array(rows);
    this.#leastCpu = new Float64Array(blocks);
    this.#leastMemory = new Float64Array(blocks);
    this.#leastSum = new Float64Array(blocks);
    for (let row = 0; row < rowCount; row += 1) this.#write(row);
    for (let block = 0; block < blocks; block += 1) this.#settle(block);
  }

  #write(row: number): void {
    const { usedCpu, usedMemory, usedDisk } = this.#columns;
    this.#cpuLevel[row] = costLevel(usedCpu[row] ?? 0, this.#steepness);
    this.#memoryLevel[row] = costLevel(usedMemory[row] ?? 0, this.#steepness);
    this.#diskLevel[row] = costLevel(usedDisk[row] ?? 0, this.#steepness);
  }

  #settle(block: number): void {
    this.#leastCpu[block] = leastOf(this.#cpuLevel, block);
    this.#leastMemory[block] = leastOf(this.#memoryLevel, block);
    const start = block << BLOCK_BITS;
    const end = Math.min(start + BLOCK_ROWS, this.#columns.rowCount);
    let least = Number.POSITIVE_INFINITY;
    for (let row = start; row < end; row += 1) {
      const sum = (this.#cpuLevel[row] ?? 0) + (this.#memoryLevel[row] ?? 0);
      if (sum < least) least = sum;
    }
    this.#leastSum[block] = least;
  }
}
