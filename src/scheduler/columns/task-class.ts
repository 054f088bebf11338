import type { Demand } from './demand.ts';
import { MinTree } from './min-tree.ts';
import type { NodeColumns } from './node-columns.ts';
import { CPU_SHORT, DISK_SHORT, MEMORY_SHORT, PORT_TAKEN } from './scan.ts';
import type { ScoreColumns } from './score-columns.ts';
import type { Standing } from './standing.ts';
import { Tally } from './tally.ts';

export interface TaskClassParts {
  readonly columns: NodeColumns;
  readonly standing: Standing;
  /** Absent where all rows that can take a task are equally good, but for their turn. */
  readonly scores: ScoreColumns | undefined;
}

/**
 * What is the same for all tasks that ask for the same: the verdict on every row, and the scores
 * as a tournament. After a placement only the row that was chosen is judged again, so that the
 * next equal task costs a few steps whatever the number of nodes. (Score caching and equivalence
 * classes, as in A. Verma et al., "Large-scale cluster management at Google with Borg", EuroSys
 * 2015, section 3.4.)
 */
export class TaskClass {
  readonly #demand: Demand;
  readonly #parts: TaskClassParts;
  readonly tally: Tally;
  #tree = new MinTree(new Float64Array(0));
  #codes = new Uint16Array(0);
  #reasonCounts = new Uint16Array(0);
  #layout = -1;
  #version = -1;
  #position = 0;
  feasibleCount = 0;

  constructor(demand: Demand, parts: TaskClassParts) {
    this.#demand = demand;
    this.#parts = parts;
    this.tally = new Tally(parts.columns);
  }

  /** The scores of the rows that can take the task. */
  get tree(): MinTree {
    return this.#tree;
  }

  /** Judges again what has changed since the last time, or every row where that is unknown. */
  update(): void {
    const { columns, scores, standing } = this.#parts;
    const { changes, layout } = columns;
    standing.update();
    scores?.begin(this.#demand.scored);
    const isVoid = this.#layout !== layout || this.#version !== (scores?.version ?? 0);
    if (isVoid || !changes.reaches(this.#position)) this.#rebuild();
    else {
      for (let at = this.#position; at < changes.end; at += 1) this.#judgeAgain(changes.at(at));
    }
    this.#position = changes.end;
  }

  /** The row that comes nearest among those refused for that reason. */
  findNearest(code: number): number {
    const known = this.tally.findNearest(code);
    if (known !== undefined) return known;
    const bit = 1 << code;
    for (let row = 0; row < this.#codes.length; row += 1) {
      if (((this.#codes[row] ?? 0) & bit) === 0) continue;
      this.tally.consider(code, row, this.#reasonCounts[row] ?? 0);
    }
    return this.tally.findNearest(code) ?? -1;
  }

  #rebuild(): void {
    const { columns, scores } = this.#parts;
    const { rowCount, layout } = columns;
    this.#layout = layout;
    this.#version = scores?.version ?? 0;
    this.#codes = new Uint16Array(rowCount);
    this.#reasonCounts = new Uint16Array(rowCount);
    this.tally.begin(this.#demand);
    this.feasibleCount = 0;
    const values = new Float64Array(rowCount);
    for (let row = 0; row < rowCount; row += 1) values[row] = this.#judge(row);
    this.#tree = new MinTree(values);
  }

  #judgeAgain(row: number): void {
    const codes = this.#codes[row] ?? 0;
    if (codes === 0) this.feasibleCount -= 1;
    else this.tally.remove(row, codes);
    this.#tree.set(row, this.#judge(row));
  }

  /** Counts the row with its verdict. @returns its score; infinite when it is refused. */
  #judge(row: number): number {
    const { columns, standing, scores } = this.#parts;
    const { cpu, memory, disk, ports } = this.#demand;
    let codes = standing.codes[row] ?? 0;
    let reasonCount = standing.reasonCounts[row] ?? 0;
    const refuse = (code: number, count: number): void => {
      codes |= code;
      reasonCount += count;
    };
    if ((columns.freeCpu[row] ?? 0) < cpu) refuse(CPU_SHORT, 1);
    if ((columns.freeMemory[row] ?? 0) < memory) refuse(MEMORY_SHORT, 1);
    if ((columns.freeDisk[row] ?? 0) < disk) refuse(DISK_SHORT, 1);
    if (ports.length > 0) {
      const held = columns.countHeld(row, ports);
      if (held > 0) refuse(PORT_TAKEN, held);
    }
    this.#codes[row] = codes;
    this.#reasonCounts[row] = reasonCount;
    if (codes === 0) {
      this.feasibleCount += 1;
      return scores?.scoreOf(row) ?? 0;
    }
    this.tally.add(row, codes, reasonCount);
    return Number.POSITIVE_INFINITY;
  }
}
