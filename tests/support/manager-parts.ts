import type { CubeError } from '../../src/errors/cube-error.ts';
import type { CubeEvent, EventDraft } from '../../src/event/event.ts';
import { type AppliedEvent, ClusterState } from '../../src/manager/cluster-state.ts';
import { Committer, type CommitterOptions } from '../../src/manager/committer.ts';
import { SeededRandom } from '../../src/simulation/seeded-random.ts';
import { VirtualClock } from '../../src/simulation/virtual-clock.ts';
import type { ManagerChanges } from '../../src/store/manager-repository.ts';
import { taskSpecSchema } from '../../src/task/task-spec.ts';
import { taskId } from './cluster.ts';

/** A repository whose flushes end when the test says so. */
class HeldRepository {
  /** As if the disk were short of room. */
  shortage: CubeError | undefined;
  watchesRoom = false;
  readonly saves: ManagerChanges[] = [];
  #finish: ((error?: CubeError) => void)[] = [];

  save(changes: ManagerChanges): Promise<void> {
    this.saves.push(changes);
    return new Promise((resolve, reject) => {
      this.#finish.push((error) => (error === undefined ? resolve() : reject(error)));
    });
  }

  /** Ends the oldest flush that is under way. */
  finish(error?: CubeError): void {
    const finish = this.#finish.shift();
    if (finish === undefined) throw new Error('No flush is under way.');
    finish(error);
  }
}

export interface CommitterParts {
  readonly state: ClusterState;
  readonly committer: Committer;
  readonly repository: HeldRepository;
  readonly published: CubeEvent[];
  readonly fatal: CubeError[];
}

export function makeCommitter(
  options: Partial<Pick<CommitterOptions, 'publish'>> = {},
): CommitterParts {
  const state = new ClusterState();
  const repository = new HeldRepository();
  const published: CubeEvent[] = [];
  const fatal: CubeError[] = [];
  const committer = new Committer({
    state,
    repository,
    clock: new VirtualClock(),
    random: new SeededRandom(1),
    publish: (group: readonly AppliedEvent[]) => published.push(...group.map(({ event }) => event)),
    onFatal: (error) => fatal.push(error),
    ...options,
  });
  return { state, committer, repository, published, fatal };
}

/** The first event of the task with that number. */
export function submission(number: number): EventDraft {
  return {
    type: 'task-submitted',
    taskId: taskId(number),
    spec: taskSpecSchema.parse({ name: `task-${number}`, command: 'sleep' }),
    status: {},
    cause: 'test',
    correlationId: 'test',
    actor: 'user',
  };
}
