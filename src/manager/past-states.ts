import pLimit from 'p-limit';
import { CubeError } from '../errors/cube-error.ts';
import type { ClusterState } from './cluster-state.ts';
import type { LogRepository } from './past-reader.ts';
import { foldLog, type PastState, readBase } from './replay.ts';

/** A moment of the log: just after a revision, or at a wall time in milliseconds. */
export type Moment = { readonly revision: number } | { readonly timeMs: number };

/** The state just after a revision. */
export interface Past extends PastState {
  readonly revision: number;
}

/** Past states kept in memory, from which later ones are computed; each shares its tasks with others. */
const KEPT_MAX = 4;

/** How often a state is computed anew because the log was pruned meanwhile. */
const TRIES_MAX = 3;

/**
 * The state of the cluster at any moment that the log still reaches. It is computed from the log,
 * which the present needs for nothing but to write to it: one state at a time, in small pages, and
 * from the nearest state before it that is still in memory.
 */
export class PastStates {
  readonly #state: Pick<ClusterState, 'floor' | 'revision'>;
  readonly #repository: LogRepository;
  readonly #limit = pLimit(1);
  /** The one used last is the last. */
  #kept: readonly Past[] = [];

  constructor(state: Pick<ClusterState, 'floor' | 'revision'>, repository: LogRepository) {
    this.#state = state;
    this.#repository = repository;
  }

  /**
   * The state at a moment.
   *
   * @throws CubeError `pruned`, when the log no longer reaches back so far; `not-found`, when it
   *   has not come so far yet.
   */
  async at(moment: Moment): Promise<Past> {
    const revision = await this.resolve(moment);
    return this.#limit(() => this.#stateAt(revision));
  }

  /**
   * The newest revision at a moment. Of a time it is found by halving the log, which supposes that
   * the wall clock went forward; where it has stepped back, one of the revisions of that time.
   *
   * @throws CubeError as `at` does.
   */
  async resolve(moment: Moment): Promise<number> {
    const { floor, revision: newest } = this.#state;
    if ('revision' in moment) {
      const { revision } = moment;
      if (revision < floor) throw prunedError(floor);
      if (revision <= newest) return revision;
      throw new CubeError(
        'not-found',
        `There is no revision ${revision} yet: ${newest} is the newest.`,
      );
    }
    let [low, high] = [floor, newest];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      const event = await this.#repository.findEvent(middle);
      // Pruned while it was looked for: what is looked for is above it, or gone as well.
      const isLater = event !== undefined && Date.parse(event.time) > moment.timeMs;
      if (isLater) high = middle - 1;
      else low = middle;
    }
    if (low === floor && floor > 0 && !(await this.#isBefore(floor + 1, moment.timeMs))) {
      throw prunedError(floor);
    }
    return low;
  }

  async #isBefore(revision: number, timeMs: number): Promise<boolean> {
    const event = await this.#repository.findEvent(revision);
    return event === undefined || Date.parse(event.time) <= timeMs;
  }

  async #stateAt(revision: number): Promise<Past> {
    for (let attempt = 0; attempt < TRIES_MAX; attempt += 1) {
      const { floor } = this.#state;
      if (revision < floor) throw prunedError(floor);
      const start = this.#nearest(revision, floor);
      if (start?.revision === revision) return this.#keep(start);
      const state =
        start === undefined
          ? await readBase(this.#repository)
          : { tasks: new Map(start.tasks), nodes: new Map(start.nodes) };
      const span = { after: start?.revision ?? floor, until: revision };
      const isWhole = await foldLog(this.#repository, span, state);
      // A base that was moved while it was read does not fit the log.
      const isSound = start !== undefined || this.#state.floor === floor;
      if (isWhole && isSound) return this.#keep({ revision, ...state });
    }
    throw new CubeError('unavailable', 'The log is being pruned; try again in a moment.');
  }

  #nearest(revision: number, floor: number): Past | undefined {
    this.#kept = this.#kept.filter((past) => past.revision >= floor);
    return this.#kept
      .filter((past) => past.revision <= revision)
      .toSorted((one, other) => one.revision - other.revision)
      .at(-1);
  }

  #keep(past: Past): Past {
    const others = this.#kept.filter(({ revision }) => revision !== past.revision);
    this.#kept = [...others, past].slice(-KEPT_MAX);
    return past;
  }
}

function prunedError(floor: number): CubeError {
  return new CubeError('pruned', `What was before revision ${floor} is not kept any more.`, {
    hint: `Ask for revision ${floor} or a later one.`,
  });
}
