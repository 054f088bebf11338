import type { Resources } from '../../node/node.ts';
import { BASE_MIN, costGrowth, costLevel } from '../policies/epvm.ts';
import { fraction } from '../utilisation.ts';
import type { NodeColumns } from './node-columns.ts';
import type { ScoreColumns } from './score-columns.ts';

/**
 * E-PVM over columns. A marginal cost is a product: the level of the node's cost, an exponential
 * of how full it is, and the growth that the task brings, which depends on the size of the node.
 * The levels are kept for each row and the growths computed once a task for each size of node, so
 * that what remains for each row is two multiplications.
 */
export class EpvmColumns implements ScoreColumns {
  readonly #columns: NodeColumns;
  version = 0;
  #layout = -1;
  #position = 0;
  #steepness = 0;
  #cpuLevel = new Float64Array(0);
  #memoryLevel = new Float64Array(0);
  #diskLevel = new Float64Array(0);
  #cpuGrowth = new Float64Array(0);
  #memoryGrowth = new Float64Array(0);
  #diskGrowth = new Float64Array(0);
  #countsDisk = false;

  constructor(columns: NodeColumns) {
    this.#columns = columns;
  }

  update(): void {
    const { layout, changes, upCount, rowCount } = this.#columns;
    const steepness = Math.log(Math.max(upCount, BASE_MIN));
    if (this.#layout !== layout || this.#steepness !== steepness) {
      this.#layout = layout;
      this.#steepness = steepness;
      this.version += 1;
      this.#cpuLevel = new Float64Array(rowCount);
      this.#memoryLevel = new Float64Array(rowCount);
      this.#diskLevel = new Float64Array(rowCount);
      for (let row = 0; row < rowCount; row += 1) this.#write(row);
    } else {
      for (let at = this.#position; at < changes.end; at += 1) this.#write(changes.at(at));
    }
    this.#position = changes.end;
  }

  begin(scored: Resources): void {
    const { sizes } = this.#columns;
    if (this.#cpuGrowth.length < sizes.length) {
      this.#cpuGrowth = new Float64Array(sizes.length);
      this.#memoryGrowth = new Float64Array(sizes.length);
      this.#diskGrowth = new Float64Array(sizes.length);
    }
    this.#countsDisk = scored.disk > 0;
    for (let size = 0; size < sizes.length; size += 1) {
      const capacity = sizes[size];
      if (capacity === undefined) continue;
      this.#cpuGrowth[size] = this.#growth(scored.cpu, capacity.cpu);
      this.#memoryGrowth[size] = this.#growth(scored.memory, capacity.memory);
      if (this.#countsDisk) this.#diskGrowth[size] = this.#growth(scored.disk, capacity.disk);
    }
  }

  fill(scores: Float64Array): void {
    const { rowCount, sizeOf } = this.#columns;
    const cpuLevel = this.#cpuLevel;
    const memoryLevel = this.#memoryLevel;
    const cpuGrowth = this.#cpuGrowth;
    const memoryGrowth = this.#memoryGrowth;
    for (let row = 0; row < rowCount; row += 1) {
      const size = sizeOf[row] ?? 0;
      scores[row] =
        (cpuLevel[row] ?? 0) * (cpuGrowth[size] ?? 0) +
        (memoryLevel[row] ?? 0) * (memoryGrowth[size] ?? 0);
    }
    if (!this.#countsDisk) return;
    for (let row = 0; row < rowCount; row += 1) {
      scores[row] = (scores[row] ?? 0) + this.#diskCost(row);
    }
  }

  scoreOf(row: number): number {
    const size = this.#columns.sizeOf[row] ?? 0;
    const cost =
      (this.#cpuLevel[row] ?? 0) * (this.#cpuGrowth[size] ?? 0) +
      (this.#memoryLevel[row] ?? 0) * (this.#memoryGrowth[size] ?? 0);
    return this.#countsDisk ? cost + this.#diskCost(row) : cost;
  }

  #diskCost(row: number): number {
    const size = this.#columns.sizeOf[row] ?? 0;
    return (this.#diskLevel[row] ?? 0) * (this.#diskGrowth[size] ?? 0);
  }

  #growth(demand: number, capacity: number): number {
    return costGrowth(fraction(demand, capacity), this.#steepness);
  }

  #write(row: number): void {
    const { usedCpu, usedMemory, usedDisk } = this.#columns;
    this.#cpuLevel[row] = costLevel(usedCpu[row] ?? 0, this.#steepness);
    this.#memoryLevel[row] = costLevel(usedMemory[row] ?? 0, this.#steepness);
    this.#diskLevel[row] = costLevel(usedDisk[row] ?? 0, this.#steepness);
  }
}
