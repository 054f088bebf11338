import type { Resources } from '../../node/node.ts';
import { fraction } from '../utilisation.ts';
import type { NodeColumns } from './node-columns.ts';
import type { ScoreColumns } from './score-columns.ts';

/** The least loaded node over columns: how full the fullest resource would be, size by size. */
export class GreedyColumns implements ScoreColumns {
  readonly #columns: NodeColumns;
  readonly version = 0;
  #cpu = new Float64Array(0);
  #memory = new Float64Array(0);
  #disk = new Float64Array(0);
  #countsDisk = false;

  constructor(columns: NodeColumns) {
    this.#columns = columns;
  }

  update(): void {
    // Nothing is kept beside the rows themselves.
  }

  begin(scored: Resources): void {
    const { sizes } = this.#columns;
    if (this.#cpu.length < sizes.length) {
      this.#cpu = new Float64Array(sizes.length);
      this.#memory = new Float64Array(sizes.length);
      this.#disk = new Float64Array(sizes.length);
    }
    this.#countsDisk = scored.disk > 0;
    for (const [size, capacity] of sizes.entries()) {
      this.#cpu[size] = fraction(scored.cpu, capacity.cpu);
      this.#memory[size] = fraction(scored.memory, capacity.memory);
      this.#disk[size] = fraction(scored.disk, capacity.disk);
    }
  }

  fill(scores: Float64Array): void {
    const { rowCount } = this.#columns;
    for (let row = 0; row < rowCount; row += 1) scores[row] = this.scoreOf(row);
  }

  scoreOf(row: number): number {
    const { usedCpu, usedMemory, usedDisk, sizeOf } = this.#columns;
    const size = sizeOf[row] ?? 0;
    const fullest = Math.max(
      (usedCpu[row] ?? 0) + (this.#cpu[size] ?? 0),
      (usedMemory[row] ?? 0) + (this.#memory[size] ?? 0),
    );
    if (!this.#countsDisk) return fullest;
    return Math.max(fullest, (usedDisk[row] ?? 0) + (this.#disk[size] ?? 0));
  }
}
