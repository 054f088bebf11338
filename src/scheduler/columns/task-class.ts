import { codesIn, type Judgement, judgeRow, reasonCountIn } from './judge-row.ts';
import { MinTree } from './min-tree.ts';
import type { ScoreColumns } from './score-columns.ts';
import { Tally } from './tally.ts';

/**
 * What is the same for all tasks that ask for the same: the verdict on every row, and the scores
 * as a tournament. After a placement only the row that was chosen is judged again, so that the
 * next equal task costs a few steps whatever the number of nodes. (Score caching and equivalence
 * classes, as in A. Verma et al., "Large-scale cluster management at Google with Borg", EuroSys
 * 2015, section 3.4.)
 */
export class TaskClass {
  readonly #on: Judgement;
  readonly #scores: ScoreColumns;
  readonly tally: Tally;
  #tree = new MinTree(new Float64Array(0));
  #codes = new Uint16Array(0);
  #reasonCounts = new Uint16Array(0);
  #layout = -1;
  #version = -1;
  #position = 0;
  feasibleCount = 0;

  constructor(on: Judgement, scores: ScoreColumns) {
    this.#on = on;
    this.#scores = scores;
    this.tally = new Tally(on.columns);
  }

  /** The scores of the rows that can take the task; where they take turns, all the same. */
  get tree(): MinTree {
    return this.#tree;
  }

  get isByTurn(): boolean {
    return this.#scores.isByTurn;
  }

  /** Judges again what has changed since the last time, or every row where that is unknown. */
  update(): void {
    const { demand, columns, standing } = this.#on;
    const { changes, layout } = columns;
    standing.update();
    this.#scores.begin(demand.scored, 0);
    const isVoid = this.#layout !== layout || this.#version !== this.#scores.version;
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
    const { rowCount, layout } = this.#on.columns;
    this.#layout = layout;
    this.#version = this.#scores.version;
    this.#codes = new Uint16Array(rowCount);
    this.#reasonCounts = new Uint16Array(rowCount);
    this.tally.begin(this.#on.demand);
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
    const { columns, demand } = this.#on;
    const { ports } = demand;
    const heldCount = ports.length === 0 ? 0 : columns.countHeld(row, ports);
    const verdict = judgeRow(row, this.#on, heldCount);
    this.#codes[row] = codesIn(verdict);
    this.#reasonCounts[row] = reasonCountIn(verdict);
    if (verdict === 0) {
      this.feasibleCount += 1;
      return this.#scores.isByTurn ? 0 : this.#scores.scoreOf(row);
    }
    this.tally.add(row, codesIn(verdict), reasonCountIn(verdict));
    return Number.POSITIVE_INFINITY;
  }
}
