import { assert } from '../lib/assert.ts';
import { type Clock, timestamp } from '../lib/clock.ts';
import type { Random } from '../lib/random.ts';
import type { Submission } from '../task/submission.ts';
import type { Task } from '../task/task.ts';
import type { TaskSpec } from '../task/task-spec.ts';
import type { ClusterState } from './cluster-state.ts';
import type { ScheduleLoop } from './schedule-loop.ts';
import { firstDifference } from './submit.ts';
import type { Trial } from './try-out.ts';

/** What would become of a submission. */
export interface PlannedTask extends Trial {
  /** The task that has its id already: with the same spec it would stay as it is. */
  readonly existing?: { readonly task: Task; readonly differsIn?: string };
}

interface PlanContext {
  readonly schedule: Pick<ScheduleLoop, 'tryOut'>;
  readonly state: Pick<ClusterState, 'findTask'>;
  readonly random: Random;
  readonly clock: Clock;
}

/** What would become of submissions that were made together. */
export function planTasks(
  submissions: readonly Submission[],
  { schedule, state, random, clock }: PlanContext,
): readonly PlannedTask[] {
  const time = timestamp(clock);
  const trials = schedule.tryOut(
    submissions.map(({ spec }) => draftTask(random.uuid(), spec, time)),
  );
  return submissions.map(({ id, spec }, index) => {
    const trial = trials[index];
    assert(trial !== undefined, 'every task was tried out');
    const task = id === undefined ? undefined : state.findTask(id);
    if (task === undefined) return trial;
    const differsIn = firstDifference(task.spec, spec);
    return { ...trial, existing: { task, ...(differsIn === undefined ? {} : { differsIn }) } };
  });
}

/** A task as a submission would make it, for trying it out. */
function draftTask(id: string, spec: TaskSpec, time: string): Task {
  return {
    id,
    spec,
    status: { state: 'pending', desired: 'running', attempt: 0, restartCount: 0 },
    createdAt: time,
    createdRevision: 0,
    revision: 0,
  };
}
