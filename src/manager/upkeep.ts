import { CubeError } from '../errors/cube-error.ts';
import type { Clock } from '../lib/clock.ts';
import type { Store, StoreCopy } from '../store/store.ts';
import { type VerifiedRecords, verifyManagerRecords } from '../store/verify-manager-records.ts';
import type { Task } from '../task/task.ts';
import type { ClusterState } from './cluster-state.ts';
import type { Committer } from './committer.ts';
import { fits, type TaskFilter } from './list-tasks.ts';
import type { Origin } from './manager-overview.ts';
import { finishedTasks, PRUNE_BATCH, pruneTasks } from './prune-tasks.ts';

export interface UpkeepOptions {
  readonly store: Store;
  readonly state: ClusterState;
  readonly committer: Committer;
  readonly clock: Clock;
}

/** Which finished tasks to remove. */
export interface PruneRequest extends Omit<TaskFilter, 'limit' | 'cursor'> {
  /** Only those that ended at least so long ago, in milliseconds. Default 0. */
  readonly olderThanMs?: number;
  /** Tell what would be removed, and remove nothing. Default false. */
  readonly dryRun?: boolean;
}

export interface Pruned {
  readonly count: number;
  /** What their records took in the data file, without the events that tell of them. */
  readonly bytes: number;
  /** The first of them, oldest end first. */
  readonly tasks: readonly Task[];
}

/** Tasks that an answer shows at most. */
const SHOWN_MAX = 1000;

/** What an operator does to a manager's data while it serves. */
export class Upkeep {
  readonly #options: UpkeepOptions;
  #underWay: string | undefined;

  constructor(options: UpkeepOptions) {
    this.#options = options;
  }

  /**
   * A verified copy of the data; as long as it is not disposed of there is no other.
   *
   * @throws CubeError `too-many-requests`, while another is taken, and as `Store.backUp`.
   */
  async backUp(): Promise<StoreCopy> {
    this.#begin('backup');
    try {
      const copy = await this.#options.store.backUp();
      return {
        sizeBytes: copy.sizeBytes,
        read: () => copy.read(),
        [Symbol.asyncDispose]: async () => {
          this.#underWay = undefined;
          await copy[Symbol.asyncDispose]();
        },
      };
    } catch (error) {
      this.#underWay = undefined;
      throw error;
    }
  }

  /**
   * Reads all of the data to the last record.
   *
   * @throws CubeError `storage-damaged`, naming what is wrong; `too-many-requests`.
   */
  async verify(): Promise<VerifiedRecords> {
    this.#begin('verification');
    try {
      return await verifyManagerRecords(this.#options.store);
    } finally {
      this.#underWay = undefined;
    }
  }

  /** Removes finished tasks, batch by batch; nothing that may still run is among them. */
  async prune(request: PruneRequest, origin: Origin): Promise<Pruned> {
    const { state, committer, clock } = this.#options;
    const oldestMs = clock.now() - (request.olderThanMs ?? 0);
    const chosen = [...finishedTasks(state)].filter(
      (task) => fits(task, request) && endedMs(task) <= oldestMs,
    );
    if (request.dryRun === true) return toPruned(chosen);
    const pruned: Task[] = [];
    for (let from = 0; from < chosen.length; from += PRUNE_BATCH) {
      const ids = chosen.slice(from, from + PRUNE_BATCH).map(({ id }) => id);
      const cause = `request ${origin.requestId}`;
      pruned.push(...(await pruneTasks(ids, { state, committer, cause, actor: 'user' })));
    }
    return toPruned(pruned);
  }

  #begin(what: string): void {
    if (this.#underWay !== undefined) {
      throw new CubeError('too-many-requests', `A ${this.#underWay} is under way already.`, {
        hint: 'Try again when it is done.',
      });
    }
    this.#underWay = what;
  }
}

function endedMs({ status, createdAt }: Task): number {
  return Date.parse(status.finishedAt ?? createdAt);
}

function toPruned(tasks: readonly Task[]): Pruned {
  return {
    count: tasks.length,
    bytes: tasks.reduce((sum, task) => sum + Buffer.byteLength(JSON.stringify(task)), 0),
    tasks: tasks.slice(0, SHOWN_MAX),
  };
}
