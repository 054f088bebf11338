import type { Resources } from '../../node/node.ts';
import { fraction } from '../utilisation.ts';
import { BySize } from './by-size.ts';
import type { NodeColumns } from './node-columns.ts';
import { MIXED } from './row-blocks.ts';
import { fillRowByRow, type ScoreColumns } from './score-columns.ts';

/**
 * The least loaded node over columns: how full the fullest resource would be. What the task adds
 * is computed once for each size of node.
 */
export class GreedyColumns implements ScoreColumns {
  readonly isByTurn = false;
  readonly version = 0;
  readonly #columns: NodeColumns;
  readonly #cpu = new BySize();
  readonly #memory = new BySize();
  readonly #disk = new BySize();
  #countsDisk = false;

  constructor(columns: NodeColumns) {
    this.#columns = columns;
  }

  update(): void {
    // Nothing is kept beside the rows themselves.
  }

  begin(scored: Resources): void {
    const { sizes } = this.#columns;
    this.#countsDisk = scored.disk > 0;
    this.#cpu.fill(sizes, ({ cpu }) => fraction(scored.cpu, cpu));
    this.#memory.fill(sizes, ({ memory }) => fraction(scored.memory, memory));
    if (this.#countsDisk) this.#disk.fill(sizes, ({ disk }) => fraction(scored.disk, disk));
  }

  fill(block: number, scores: Float64Array): number {
    return fillRowByRow(this, block, scores);
  }

  scoreOf(row: number): number {
    const { usedCpu, usedMemory, usedDisk, sizeOf } = this.#columns;
    const size = sizeOf[row] ?? MIXED;
    const fullest = Math.max(
      (usedCpu[row] ?? 0) + this.#cpu.of(size),
      (usedMemory[row] ?? 0) + this.#memory.of(size),
    );
    if (!this.#countsDisk) return fullest;
    return Math.max(fullest, (usedDisk[row] ?? 0) + this.#disk.of(size));
  }

  fillBounds(bounds: Float64Array): void {
    const { leastUsedCpu, leastUsedMemory, sizeIn } = this.#columns;
    for (let block = 0; block < bounds.length; block += 1) {
      const size = sizeIn[block] ?? MIXED;
      bounds[block] = Math.max(
        (leastUsedCpu[block] ?? 0) + this.#cpu.of(size),
        (leastUsedMemory[block] ?? 0) + this.#memory.of(size),
      );
    }
  }
}
