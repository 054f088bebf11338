import type { EventDraft } from '../../src/event/event.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { type Logger, noopLogger } from '../../src/lib/logger.ts';
import { systemRandom } from '../../src/lib/random.ts';
import { AttemptTimes } from '../../src/manager/attempt-times.ts';
import { type AppliedEvent, ClusterState } from '../../src/manager/cluster-state.ts';
import { Committer } from '../../src/manager/committer.ts';
import { ScheduleLoop } from '../../src/manager/schedule-loop.ts';
import type { Node } from '../../src/node/node.ts';
import type { Scheduler } from '../../src/scheduler/scheduler.ts';
import type { ManagerChanges } from '../../src/store/manager-repository.ts';
import type { TaskSpec } from '../../src/task/task-spec.ts';

export interface PlacingOptions {
  readonly scheduler: Scheduler;
  readonly nodes: readonly Node[];
  readonly specs: readonly TaskSpec[];
  /** Makes a group durable. Default: keeps nothing. */
  readonly save?: (changes: ManagerChanges) => Promise<void>;
  /** The newest revision in the log already. Default 0. */
  readonly revision?: number;
}

/**
 * The manager's own schedule loop with its state, its events and its one door, and nothing else of
 * the manager: hands in the tasks, and measures from then until each has its node.
 *
 * @returns the time in milliseconds.
 * @throws Error, when a task finds no node.
 */
export async function timePlacements(options: PlacingOptions): Promise<number> {
  const { scheduler, nodes, specs, revision = 0, save = async () => undefined } = options;
  const state = new ClusterState();
  state.restore({ revision, floor: 0, tasks: [], nodes, prunedIds: [] });
  const times = new AttemptTimes(systemClock);
  let placedCount = 0;
  let submittedCount = 0;
  let startedAt = Number.NaN;
  const done = Promise.withResolvers<number>();
  const publish = (group: readonly AppliedEvent[]): void => {
    for (const applied of group) {
      if (applied.task !== undefined) times.note(applied.task);
      if (applied.event.type === 'task-submitted') submittedCount += 1;
      if (applied.event.type === 'task-scheduled') placedCount += 1;
      if (applied.event.type === 'task-waiting') done.reject(new Error('A task finds no node.'));
    }
    // The loop is told only when all are there, so that handing them in is not measured.
    if (submittedCount < specs.length) return;
    if (placedCount === 0) startedAt = performance.now();
    for (const applied of group) schedule.onPublished(applied);
    if (placedCount === specs.length) done.resolve(performance.now());
  };
  const repository = { save, shortage: undefined, watchesRoom: false };
  const committer = new Committer({
    state,
    repository,
    clock: systemClock,
    random: systemRandom,
    publish,
    onFatal: done.reject,
  });
  const fail = (fields: object): void => {
    done.reject(new Error('The schedule loop has failed.', { cause: fields }));
  };
  const logger: Logger = { ...noopLogger, info: fail, warn: fail, error: fail };
  const shared = { state, committer, clock: systemClock, logger };
  const schedule = new ScheduleLoop({ ...shared, scheduler, times });
  schedule.start();
  await settled();
  schedule.snapshot();
  await committer.commit(() => ({ drafts: specs.map(toDraft), result: undefined }));
  const tookMs = (await done.promise) - startedAt;
  await schedule.stop();
  return tookMs;
}

function toDraft(spec: TaskSpec): EventDraft {
  return {
    type: 'task-submitted',
    taskId: systemRandom.uuid(),
    spec,
    status: {},
    cause: 'bench',
    correlationId: 'bench',
    actor: 'user',
  };
}

/** The first pass of the loop has nothing to do; it is over then. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
