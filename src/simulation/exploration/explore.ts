import type { Choice, Met } from './choice.ts';
import { ExploredCluster } from './explored-cluster.ts';
import type { Scope } from './scope.ts';

/** What an exploration has seen. */
export interface Exploration {
  /** Ends that were judged. */
  readonly pathCount: number;
  /** States that differ in what some process has met. */
  readonly stateCount: number;
  readonly stepCount: number;
  /** How often the beginning of a path was run again to go another way. */
  readonly runCount: number;
  /** Steps of the longest path. */
  readonly depth: number;
  /** Paths that were cut at `depthMax`; 0 means that the whole scope was explored. */
  readonly cutCount: number;
  /** Whether nothing is left to explore: it was not ended before. */
  readonly isComplete: boolean;
  /** All paths that leave the plainest way so often are explored, if not all. */
  readonly deviationCount: number;
  /** The first path that broke an invariant. */
  readonly failure?: { readonly path: readonly string[]; readonly violations: readonly string[] };
}

/** A way that was passed by. */
interface Branch {
  /** How often the path leaves what would have come first. */
  readonly deviationCount: number;
  /** To where it branches off. */
  readonly path: readonly string[];
  readonly met: Met;
  readonly next: string;
  /** To which it leads. */
  readonly history: string;
}

/**
 * Explores all paths within a scope and judges the end of each: model checking without a model,
 * as VeriSoft does (Godefroid, "Model checking for programming languages using VeriSoft", 1997).
 * The programs cannot be put back to an earlier state, so that another way is taken by running its
 * beginning again. First comes the plainest path, then those that leave it once, then twice, and so
 * on, so that an exploration that is ended early has seen all that takes few deviations (Emmi,
 * Qadeer, Rakamarić, "Delay-bounded scheduling", 2011).
 *
 * Two paths lead to the same state when every process has met the same in the same order, since
 * a process is determined by that alone; how the steps of different processes were interleaved does
 * not matter. Of such paths only one is followed, which is sound. Unless the scope is strict, order
 * does not count either where it has left no trace in any record, instance or message; what a
 * process remembers beside those could differ then.
 */
export async function explore(
  scope: Scope,
  options: { readonly stateCountMax?: number; readonly isOver?: () => boolean } = {},
): Promise<Exploration> {
  const { stateCountMax = Number.POSITIVE_INFINITY, isOver = () => false } = options;
  const search = new Search(scope);
  while (search.hasBranches && search.failure === undefined) {
    if (search.states.size >= stateCountMax || isOver()) break;
    await search.follow();
  }
  const { failure, states } = search;
  return {
    ...search.counts,
    stateCount: states.size,
    isComplete: !search.hasBranches,
    deviationCount: search.deviationCount,
    ...(failure === undefined ? {} : { failure }),
  };
}

class Search {
  readonly states = new Set<string>();
  readonly counts = { pathCount: 0, stepCount: 0, runCount: 0, depth: 0, cutCount: 0 };
  failure: Exploration['failure'];
  readonly #scope: Scope;
  readonly #histories = new Set<string>();
  /** In the order in which they were passed by, which is that of their deviations. */
  readonly #branches: Branch[] = [];
  #followedCount = 0;
  #hasBegun = false;

  constructor(scope: Scope) {
    this.#scope = scope;
  }

  get hasBranches(): boolean {
    return !this.#hasBegun || this.#followedCount < this.#branches.length;
  }

  get deviationCount(): number {
    const next = this.#branches[this.#followedCount] ?? this.#branches.at(-1);
    const reached = next?.deviationCount ?? 0;
    return this.hasBranches ? reached - 1 : reached;
  }

  /** Follows the next branch to its end, and keeps those that it passes by. */
  async follow(): Promise<void> {
    const branch = this.#branches[this.#followedCount];
    if (branch !== undefined) this.#followedCount += 1;
    this.#hasBegun = true;
    if (branch !== undefined && this.#histories.has(branch.history)) return;
    this.counts.runCount += 1;
    await using cluster = new ExploredCluster(this.#scope);
    await cluster.begin();
    const path: string[] = [];
    if (branch !== undefined) await this.#return(cluster, branch, path);
    while (this.#isNew(cluster) && !this.#hasFailed(cluster.violations, path)) {
      const choices = cluster.choices();
      const isCut = path.length >= this.#scope.depthMax;
      if (choices.length === 0 || isCut) {
        if (isCut) this.counts.cutCount += 1;
        this.counts.pathCount += 1;
        this.#hasFailed(await cluster.judge(), path);
        return;
      }
      const deviationCount = (branch?.deviationCount ?? 0) + 1;
      const next = this.#choose(cluster, choices, { path, deviationCount });
      if (next === undefined) return;
      await this.#take(cluster, next, path);
    }
  }

  /** Does again what led to the branch, and takes it. */
  async #return(cluster: ExploredCluster, branch: Branch, path: string[]): Promise<void> {
    for (const name of branch.path) {
      await cluster.retake(find(cluster, name));
      path.push(name);
      this.counts.stepCount += 1;
    }
    cluster.goOnFrom(branch.met);
    await this.#take(cluster, find(cluster, branch.next), path);
  }

  /** The first way to somewhere new; the others are kept for later. */
  #choose(
    cluster: ExploredCluster,
    choices: readonly Choice[],
    so: { readonly path: readonly string[]; readonly deviationCount: number },
  ): Choice | undefined {
    const ways = choices.flatMap((choice) => {
      const history = cluster.historyAfter(choice);
      return this.#histories.has(history) ? [] : [{ choice, history }];
    });
    const here = { path: [...so.path], deviationCount: so.deviationCount, met: cluster.met };
    for (const { choice, history } of ways.slice(1)) {
      this.#branches.push({ ...here, next: choice.name, history });
    }
    return ways[0]?.choice;
  }

  async #take(cluster: ExploredCluster, choice: Choice, path: string[]): Promise<void> {
    await cluster.take(choice);
    path.push(choice.name);
    this.counts.stepCount += 1;
    this.counts.depth = Math.max(this.counts.depth, path.length);
  }

  #isNew({ history, state }: ExploredCluster): boolean {
    this.#histories.add(history);
    if (this.states.has(state)) return false;
    this.states.add(state);
    return true;
  }

  #hasFailed(violations: readonly string[], path: readonly string[]): boolean {
    if (violations.length > 0) this.failure ??= { path: [...path], violations };
    return violations.length > 0;
  }
}

function find(cluster: ExploredCluster, name: string): Choice {
  const choice = cluster.choices().find((one) => one.name === name);
  if (choice === undefined) throw new Error(`There is no such step any more: ${name}.`);
  return choice;
}
