import type { Resources } from '../../node/node.ts';
import { fraction } from '../utilisation.ts';
import { BySize } from './by-size.ts';
import { FreestRows } from './freest-rows.ts';
import { Leasts } from './leasts.ts';
import type { NodeColumns } from './node-columns.ts';
import { MIXED, STRETCH_BLOCKS } from './row-blocks.ts';
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
  #layout = -1;
  #position = 0;
  #leastCpu = new Leasts(new Float64Array(0));
  #leastMemory = new Leasts(new Float64Array(0));
  #freest = new FreestRows(new Float64Array(0), new Float64Array(0));

  constructor(columns: NodeColumns) {
    this.#columns = columns;
  }

  update(): void {
    const { layout, changes, usedCpu, usedMemory } = this.#columns;
    if (this.#layout !== layout) {
      this.#layout = layout;
      this.#leastCpu = new Leasts(usedCpu);
      this.#leastMemory = new Leasts(usedMemory);
      this.#freest = new FreestRows(usedCpu, usedMemory);
    } else {
      for (let at = this.#position; at < changes.end; at += 1) {
        const row = changes.at(at);
        this.#leastCpu.settle(row);
        this.#leastMemory.settle(row);
        this.#freest.note(row);
      }
    }
    this.#position = changes.end;
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
    const fullest = this.#fullest(usedCpu[row] ?? 0, usedMemory[row] ?? 0, size);
    if (!this.#countsDisk) return fullest;
    return Math.max(fullest, (usedDisk[row] ?? 0) + this.#disk.of(size));
  }

  fillBounds(bounds: Float64Array): void {
    const { sizeInStretch } = this.#columns;
    const [cpu, memory] = [this.#leastCpu.stretches, this.#leastMemory.stretches];
    for (let stretch = 0; stretch < bounds.length; stretch += 1) {
      const size = sizeInStretch[stretch] ?? MIXED;
      bounds[stretch] = this.#fullest(cpu[stretch] ?? 0, memory[stretch] ?? 0, size);
    }
  }

  fillBlockBounds(stretch: number, bounds: Float64Array): void {
    const { sizeIn } = this.#columns;
    const [cpu, memory] = [this.#leastCpu.blocks, this.#leastMemory.blocks];
    const first = stretch * STRETCH_BLOCKS;
    const end = Math.min(first + STRETCH_BLOCKS, bounds.length);
    for (let block = first; block < end; block += 1) {
      const size = sizeIn[block] ?? MIXED;
      bounds[block] = this.#fullest(cpu[block] ?? 0, memory[block] ?? 0, size);
    }
  }

  countLowest(stretch: number, lowest: number): number | undefined {
    const size = this.#columns.sizeInStretch[stretch] ?? MIXED;
    if (size === MIXED || this.#countsDisk) return undefined;
    const freest = this.#freest;
    const count = freest.count(stretch);
    const cpu = freest.leastFirst[stretch] ?? 0;
    const memory = freest.leastSecond[stretch] ?? 0;
    const score = this.#fullest(cpu, memory, size);
    if (score > lowest) return 0;
    const isTheirs =
      score === lowest &&
      this.#fullest(freest.nextFirst[stretch] ?? 0, memory, size) > lowest &&
      this.#fullest(cpu, freest.nextSecond[stretch] ?? 0, size) > lowest;
    return isTheirs ? count : undefined;
  }

  /** The score of a node of that size that is so full, where disk does not count. */
  #fullest(cpu: number, memory: number, size: number): number {
    return Math.max(cpu + this.#cpu.of(size), memory + this.#memory.of(size));
  }
}
