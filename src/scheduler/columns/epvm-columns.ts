import type { Resources } from '../../node/node.ts';
import { BASE_MIN, costGrowth, costLevel } from '../policies/epvm.ts';
import { fraction } from '../utilisation.ts';
import { BySize } from './by-size.ts';
import { FreestRows } from './freest-rows.ts';
import { Leasts } from './leasts.ts';
import type { NodeColumns } from './node-columns.ts';
import { BLOCK_BITS, BLOCK_ROWS, blockCount, MIXED, STRETCH_BLOCKS } from './row-blocks.ts';
import { fillRowByRow, type ScoreColumns } from './score-columns.ts';

/** Bounds are computed in another order than scores, and may be off by a few roundings. */
const BELOW = 1 - 1e-12;

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
  /** Of cores and memory together. */
  #levelSum = new Float64Array(0);
  #leastCpu = new Leasts(this.#cpuLevel);
  #leastMemory = new Leasts(this.#memoryLevel);
  #leastSum = new Leasts(this.#levelSum);
  #freest = new FreestRows(this.#cpuLevel, this.#memoryLevel);
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
        this.#leastCpu.settle(row);
        this.#leastMemory.settle(row);
        this.#leastSum.settle(row);
        this.#freest.note(row);
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
   * The freest node by cores and the one by memory are different ones as a rule, so that the sum of
   * both leasts is far too low. The part of the growths that is common to both meets the least sum,
   * which belongs to one node.
   */
  fillBounds(bounds: Float64Array): void {
    const { sizeInStretch } = this.#columns;
    const { stretches: cpu } = this.#leastCpu;
    const { stretches: memory } = this.#leastMemory;
    const { stretches: sum } = this.#leastSum;
    let size = MIXED;
    let cpuGrowth = this.#cpuGrowth.of(MIXED);
    let memoryGrowth = this.#memoryGrowth.of(MIXED);
    for (let stretch = 0; stretch < bounds.length; stretch += 1) {
      const sizeHere = sizeInStretch[stretch] ?? MIXED;
      if (sizeHere !== size) {
        size = sizeHere;
        cpuGrowth = this.#cpuGrowth.of(size);
        memoryGrowth = this.#memoryGrowth.of(size);
      }
      const common = Math.min(cpuGrowth, memoryGrowth);
      const bound =
        common * (sum[stretch] ?? 0) +
        (cpuGrowth - common) * (cpu[stretch] ?? 0) +
        (memoryGrowth - common) * (memory[stretch] ?? 0);
      bounds[stretch] = bound * BELOW;
    }
  }

  fillBlockBounds(stretch: number, bounds: Float64Array): void {
    const { blocks: cpu } = this.#leastCpu;
    const { blocks: memory } = this.#leastMemory;
    const { blocks: sum } = this.#leastSum;
    // The least growth of all, where there are several sizes.
    const size = this.#columns.sizeInStretch[stretch] ?? MIXED;
    const cpuGrowth = this.#cpuGrowth.of(size);
    const memoryGrowth = this.#memoryGrowth.of(size);
    const common = Math.min(cpuGrowth, memoryGrowth);
    const first = stretch * STRETCH_BLOCKS;
    const end = Math.min(first + STRETCH_BLOCKS, bounds.length);
    for (let block = first; block < end; block += 1) {
      const bound =
        common * (sum[block] ?? 0) +
        (cpuGrowth - common) * (cpu[block] ?? 0) +
        (memoryGrowth - common) * (memory[block] ?? 0);
      bounds[block] = bound * BELOW;
    }
  }

  countLowest(stretch: number, lowest: number): number | undefined {
    const size = this.#columns.sizeInStretch[stretch] ?? MIXED;
    if (size === MIXED || this.#countsDisk) return undefined;
    const freest = this.#freest;
    const count = freest.count(stretch);
    const cpuGrowth = this.#cpuGrowth.of(size);
    const memoryGrowth = this.#memoryGrowth.of(size);
    const cpu = (freest.leastFirst[stretch] ?? 0) * cpuGrowth;
    const memory = (freest.leastSecond[stretch] ?? 0) * memoryGrowth;
    if (cpu + memory > lowest) return 0;
    const isTheirs =
      cpu + memory === lowest &&
      (freest.nextFirst[stretch] ?? 0) * cpuGrowth + memory > lowest &&
      cpu + (freest.nextSecond[stretch] ?? 0) * memoryGrowth > lowest;
    return isTheirs ? count : undefined;
  }

  #writeAll(): void {
    const { rowCount } = this.#columns;
    const blocks = blockCount(rowCount);
    this.version += 1;
    const rows = blocks * BLOCK_ROWS;
    this.#cpuLevel = new Float64Array(rows).fill(Number.POSITIVE_INFINITY, rowCount);
    this.#memoryLevel = new Float64Array(rows).fill(Number.POSITIVE_INFINITY, rowCount);
    this.#diskLevel = new Float64Array(rows);
    this.#levelSum = new Float64Array(rows).fill(Number.POSITIVE_INFINITY, rowCount);
    for (let row = 0; row < rowCount; row += 1) this.#write(row);
    this.#leastCpu = new Leasts(this.#cpuLevel);
    this.#leastMemory = new Leasts(this.#memoryLevel);
    this.#leastSum = new Leasts(this.#levelSum);
    this.#freest = new FreestRows(this.#cpuLevel, this.#memoryLevel);
  }

  #write(row: number): void {
    const { usedCpu, usedMemory, usedDisk } = this.#columns;
    const cpu = costLevel(usedCpu[row] ?? 0, this.#steepness);
    const memory = costLevel(usedMemory[row] ?? 0, this.#steepness);
    this.#cpuLevel[row] = cpu;
    this.#memoryLevel[row] = memory;
    this.#levelSum[row] = cpu + memory;
    this.#diskLevel[row] = costLevel(usedDisk[row] ?? 0, this.#steepness);
  }
}
