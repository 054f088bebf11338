import { assert } from '../../lib/assert.ts';
import type { Placement } from '../../task/placement.ts';
import type { Task } from '../../task/task.ts';
import { BEST_COUNT_MAX } from '../decide.ts';
import { pickAmongEquals } from '../pick-lowest.ts';
import type { SchedulerName } from '../scheduler.ts';
import { BlockedRows } from './blocked-rows.ts';
import { type Demand, toDemand } from './demand.ts';
import { EpvmColumns } from './epvm-columns.ts';
import { GreedyColumns } from './greedy-columns.ts';
import type { NodeColumns } from './node-columns.ts';
import { groupRejections } from './rejection-groups.ts';
import { scan } from './scan.ts';
import type { ScoreColumns } from './score-columns.ts';
import { Selection } from './selection.ts';
import type { Standing } from './standing.ts';
import { Standings } from './standings.ts';
import { Tally } from './tally.ts';
import type { TaskClass } from './task-class.ts';
import { type ClassLimits, TaskClasses } from './task-classes.ts';
import { fillTurns, takeTurns } from './turns.ts';

/** The best rows, the chosen one first, with their scores; and who was refused. */
interface Outcome {
  readonly feasibleCount: number;
  readonly rows: readonly number[];
  readonly scores: readonly number[];
  readonly rejected: Placement['rejected'];
}

/** How each policy scores over columns; nothing where nodes take turns. */
const scoresOf: Readonly<
  Record<SchedulerName, (columns: NodeColumns) => ScoreColumns | undefined>
> = {
  epvm: (columns) => new EpvmColumns(columns),
  greedy: (columns) => new GreedyColumns(columns),
  roundrobin: () => undefined,
};

/**
 * The three phases of a policy over columns: the same decision as `decide` comes to from a
 * snapshot, score for score and word for word, at a fraction of the cost. A task that is equal to
 * one seen just before is answered from its class, any other by one scan over all rows.
 */
export class ColumnScheduler {
  readonly #name: SchedulerName;
  readonly #columns: NodeColumns;
  readonly #scores: ScoreColumns | undefined;
  readonly #standings: Standings;
  readonly #classes: TaskClasses;
  readonly #blocked: BlockedRows;
  readonly #selection = new Selection();
  readonly #tally: Tally;
  #scratch = new Float64Array(0);

  constructor(name: SchedulerName, columns: NodeColumns, limits?: ClassLimits) {
    this.#name = name;
    this.#columns = columns;
    this.#scores = scoresOf[name](columns);
    this.#standings = new Standings(columns);
    this.#classes = new TaskClasses(columns, this.#scores, limits);
    this.#blocked = new BlockedRows(columns);
    this.#tally = new Tally(columns);
  }

  /** The decision on the task as the ledger is now. `lastNode`: of the latest placement. */
  decide(task: Task, lastNode: string | undefined): Placement {
    this.#columns.update();
    this.#scores?.update();
    const demand = toDemand(task);
    const standing = this.#standings.get(demand);
    const first = lastNode === undefined ? 0 : this.#columns.rowAfter(lastNode);
    const known = this.#classes.find(demand, standing);
    const outcome =
      known === undefined
        ? this.#scan(demand, standing, first)
        : this.#ask(known, { demand, standing, first });
    return this.#toPlacement(outcome);
  }

  #toPlacement({ feasibleCount, rows, scores, rejected }: Outcome): Placement {
    const summary = {
      scheduler: this.#name,
      nodeCount: this.#columns.rowCount,
      feasibleCount,
      rejected,
    };
    const best = rows.map((row, index) => ({
      node: this.#columns.findNode(row)?.name ?? '',
      score: scores[index] ?? 0,
    }));
    const [chosen] = best;
    if (chosen === undefined) return { ...summary, best };
    assert(Number.isFinite(chosen.score), `the score of ${chosen.node} is finite`);
    return { ...summary, node: chosen.node, best };
  }

  #scan(demand: Demand, standing: Standing, first: number): Outcome {
    const columns = this.#columns;
    if (this.#scratch.length !== columns.rowCount) {
      this.#scratch = new Float64Array(columns.rowCount);
    }
    const scores = this.#scratch;
    if (this.#scores === undefined) fillTurns(scores, first);
    else {
      this.#scores.begin(demand.scored);
      this.#scores.fill(scores);
    }
    const blocked = this.#blocked.count(demand, standing);
    const selection = this.#selection;
    const tally = this.#tally;
    const feasibleCount = scan(demand, { columns, standing, blocked, scores, selection, tally });
    const { counts } = tally;
    const findNearest = (code: number): number => tally.findNearest(code) ?? -1;
    const rejected = groupRejections({ demand, columns, standing, counts, findNearest });
    const best = [...selection.rows.subarray(0, selection.count)];
    const rows =
      selection.equalCount < 2
        ? best
        : withChosen(best, selection.equal(pickAmongEquals(demand.task, selection.equalCount)));
    return {
      feasibleCount,
      rows,
      scores: rows.map((row, turn) => (this.#scores === undefined ? turn : (scores[row] ?? 0))),
      rejected,
    };
  }

  #ask(
    known: TaskClass,
    context: { readonly demand: Demand; readonly standing: Standing; readonly first: number },
  ): Outcome {
    const { demand, standing, first } = context;
    const { tree, tally, feasibleCount } = known;
    const rejected = groupRejections({
      demand,
      standing,
      columns: this.#columns,
      counts: tally.counts,
      findNearest: (code) => known.findNearest(code),
    });
    if (feasibleCount === 0) return { feasibleCount, rows: [], scores: [], rejected };
    if (this.#scores === undefined) {
      const rows = takeTurns(tree, first, BEST_COUNT_MAX);
      return { feasibleCount, rows, scores: rows.map((_, turn) => turn), rejected };
    }
    const chosen = tree.placeOfLowest(pickAmongEquals(demand.task, tree.lowestCount));
    const rows = withChosen(tree.lowestPlaces(BEST_COUNT_MAX), chosen);
    return { feasibleCount, rows, scores: rows.map((row) => tree.get(row)), rejected };
  }
}

/** The chosen row, then the others. */
function withChosen(best: readonly number[], chosen: number): readonly number[] {
  return [chosen, ...best.filter((row) => row !== chosen)].slice(0, BEST_COUNT_MAX);
}
