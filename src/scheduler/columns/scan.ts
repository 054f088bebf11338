import { codesIn, type Judgement, judgeRow, reasonCountIn } from './judge-row.ts';
import {
  BLOCK_ROWS,
  blockCount,
  STRETCH_BLOCKS,
  STRETCH_ROWS,
  stretchCount,
} from './row-blocks.ts';
import type { ScoreColumns } from './score-columns.ts';
import { Selection } from './selection.ts';
import type { Tally } from './tally.ts';

/**
 * Judges every row for one task in a single pass, keeping the rows with the lowest scores and
 * counting those that are refused with their reasons.
 *
 * A stretch or a block in which every row can take the task is counted at a glance, and passed
 * over when even the bound on its scores is above what is still of interest (branch and bound).
 *
 * One scan serves any number of tasks, one after the other.
 */
export class Scan {
  readonly #scores: ScoreColumns;
  readonly best = new Selection();
  readonly tally: Tally;
  /** How many rows can take the task. */
  feasibleCount = 0;
  /** How many of them share the lowest score. */
  equalCount = 0;
  /** What is asked of each row, where no port is. */
  #on: Judgement | undefined;
  /** How many those are in each block, as far as `#firstEqual` and after. */
  #equalsIn = new Int32Array(0);
  #firstEqual = 0;
  #bounds = new Float64Array(0);
  #stretchBounds = new Float64Array(0);
  readonly #blockScores = new Float64Array(BLOCK_ROWS);

  constructor(tally: Tally, scores: ScoreColumns) {
    this.tally = tally;
    this.#scores = scores;
  }

  /**
   * @param held how many ports of the task are held in each row; undefined where it asks for none.
   */
  run(on: Judgement, held: Uint8Array | undefined): void {
    const blocks = this.#begin(on, held);
    const { demand, columns, standing } = on;
    const { rowCount } = columns;
    const { blocks: leastCpu } = columns.leastCpu;
    const { blocks: leastMemory } = columns.leastMemory;
    const { blocks: leastDisk } = columns.leastDisk;
    const { blockedIn } = standing;
    const { cpu, memory, disk } = demand;
    const { best, tally } = this;
    const scores = this.#scores;
    const bounds = this.#bounds;
    const blockScores = this.#blockScores;
    const equalsIn = this.#equalsIn;
    let bar = Number.POSITIVE_INFINITY;
    let lowest = Number.POSITIVE_INFINITY;
    let equalCount = 0;
    let feasibleCount = 0;
    for (let block = 0; block < blocks; block += 1) {
      if ((block & (STRETCH_BLOCKS - 1)) === 0) {
        const stretch = block / STRETCH_BLOCKS;
        const count = this.#countUnseen(stretch, lowest);
        if (count !== LOOK) {
          feasibleCount += Math.min(STRETCH_ROWS, rowCount - stretch * STRETCH_ROWS);
          equalsIn[block] = count;
          equalCount += count;
          block += STRETCH_BLOCKS - 1;
          continue;
        }
        scores.fillBlockBounds(stretch, bounds);
      }
      const start = block * BLOCK_ROWS;
      const end = Math.min(start + BLOCK_ROWS, rowCount);
      const isOpen =
        blockedIn[block] === 0 &&
        held === undefined &&
        (leastCpu[block] ?? 0) >= cpu &&
        (leastMemory[block] ?? 0) >= memory &&
        (leastDisk[block] ?? 0) >= disk;
      if (isOpen) {
        feasibleCount += end - start;
        if ((bounds[block] ?? 0) > bar) continue;
      }
      const least = scores.fill(block, blockScores);
      if (isOpen && least > bar) continue;
      let equals = 0;
      for (let row = start; row < end; row += 1) {
        const verdict = isOpen ? 0 : judgeRow(row, on, held?.[row] ?? 0);
        if (verdict !== 0) {
          tally.add(row, codesIn(verdict), reasonCountIn(verdict));
          continue;
        }
        if (!isOpen) feasibleCount += 1;
        const score = blockScores[row - start] ?? 0;
        if (score > bar) continue;
        if (score < lowest) {
          lowest = score;
          equalCount = 0;
          equals = 0;
          this.#firstEqual = block;
        }
        if (score === lowest) equals += 1;
        if (score >= bar) continue;
        best.take(row, score);
        bar = best.bar;
      }
      equalsIn[block] = equals;
      equalCount += equals;
    }
    this.feasibleCount = feasibleCount;
    this.equalCount = equalCount;
  }

  /** One of the rows that share the lowest score, counted from 0 in their order. */
  findEqual(index: number, on: Judgement, held: Uint8Array | undefined): number | undefined {
    const lowest = this.best.scores[0] ?? Number.NaN;
    let left = index;
    let block = this.#firstEqual;
    while (left >= (this.#equalsIn[block] ?? Number.POSITIVE_INFINITY)) {
      left -= this.#equalsIn[block] ?? 0;
      block += 1;
    }
    // Those of a stretch that was counted as a whole stand under its first block.
    for (let row = block * BLOCK_ROWS; row < on.columns.rowCount; row += 1) {
      if (this.#scores.scoreOf(row) !== lowest) continue;
      if (judgeRow(row, on, held?.[row] ?? 0) !== 0) continue;
      if (left === 0) return row;
      left -= 1;
    }
    return undefined;
  }

  /** @returns how many blocks there are. */
  #begin(on: Judgement, held: Uint8Array | undefined): number {
    const blocks = blockCount(on.columns.rowCount);
    if (this.#equalsIn.length !== blocks) {
      this.#equalsIn = new Int32Array(blocks);
      this.#bounds = new Float64Array(blocks);
      this.#stretchBounds = new Float64Array(stretchCount(on.columns.rowCount));
    }
    this.#equalsIn.fill(0);
    this.#scores.fillBounds(this.#stretchBounds);
    this.#on = held === undefined ? on : undefined;
    this.best.clear();
    this.tally.begin(on.demand);
    return blocks;
  }

  /**
   * How many rows of a stretch share the lowest score so far, where that is told without a look at
   * any of them and every one can take the task; else `LOOK`.
   */
  #countUnseen(stretch: number, lowest: number): number {
    const on = this.#on;
    if (on === undefined || on.standing.blockedInStretch[stretch] !== 0) return LOOK;
    const { leastCpu, leastMemory, leastDisk } = on.columns;
    const { cpu, memory, disk } = on.demand;
    if ((leastCpu.stretches[stretch] ?? 0) < cpu) return LOOK;
    if ((leastMemory.stretches[stretch] ?? 0) < memory) return LOOK;
    if ((leastDisk.stretches[stretch] ?? 0) < disk) return LOOK;
    const { bar } = this.best;
    if ((this.#stretchBounds[stretch] ?? 0) > bar) return 0;
    // Once the best few are found and all equal, what is left to do is to count their equals.
    if (lowest !== bar || bar === Number.POSITIVE_INFINITY) return LOOK;
    return this.#scores.countLowest(stretch, lowest) ?? LOOK;
  }
}

const LOOK = -1;
