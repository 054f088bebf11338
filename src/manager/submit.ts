import { isDeepStrictEqual } from 'node:util';
import { CubeError, type InputIssue } from '../errors/cube-error.ts';
import { describeValue } from '../errors/describe-value.ts';
import type { EventDraft } from '../event/event.ts';
import type { Task } from '../task/task.ts';
import type { TaskSpec } from '../task/task-spec.ts';
import type { ClusterState, StateView } from './cluster-state.ts';
import type { Proposal } from './committer.ts';

interface Submitting {
  readonly id: string;
  readonly spec: TaskSpec;
  readonly requestId: string;
}

interface SubmissionContext {
  readonly state: Pick<ClusterState, 'findTask' | 'prunedIds' | 'taskCount'>;
  readonly view: StateView;
  readonly taskCountMax: number;
  /** Why new tasks should not be taken now. */
  readonly shortage: CubeError | undefined;
}

/**
 * What a submission changes, and whether it makes a task: the same id with the same spec is the
 * task that is there.
 *
 * @throws CubeError `conflict`, `pruned`, `too-many-requests`, or that of the shortage.
 */
export function planSubmission(
  { id, spec, requestId }: Submitting,
  { state, view, taskCountMax, shortage }: SubmissionContext,
): Proposal<boolean> {
  const existing = view.findTask(id);
  // Whoever repeats a submission late must not have the task run a second time.
  const isGone = state.prunedIds.has(id) || state.findTask(id) !== undefined;
  if (existing === undefined && isGone) throw prunedError(id);
  if (existing !== undefined) {
    assertSameSpec(existing, spec);
    return { drafts: [], result: false, isAnswer: true };
  }
  if (shortage !== undefined) throw shortage;
  if (state.taskCount >= taskCountMax) {
    throw new CubeError('too-many-requests', `The cluster holds ${state.taskCount} tasks.`, {
      hint: 'Stop tasks, or wait until finished ones are pruned.',
    });
  }
  return { drafts: [submitDraft(id, spec, requestId)], result: true };
}

/** The refusal to speak of a task that is gone. */
export function prunedError(id: string): CubeError {
  return new CubeError('pruned', `Task ${id} has ended and was pruned.`, {
    hint: 'Submit it under a new id to run it again.',
  });
}

/** The first event of a task. */
function submitDraft(id: string, spec: TaskSpec, requestId: string): EventDraft {
  return {
    type: 'task-submitted',
    taskId: id,
    spec,
    status: {},
    cause: `request ${requestId}`,
    correlationId: requestId,
    actor: 'user',
  };
}

/**
 * Whether a second submission of an id is the same task.
 *
 * @throws CubeError `conflict`, naming the first field that differs, when it is not.
 */
function assertSameSpec(existing: Task, spec: TaskSpec): void {
  const field = firstDifference(existing.spec, spec);
  if (field === undefined) return;
  throw new CubeError(
    'conflict',
    `Task ${existing.id} exists with another spec: they differ first in "${field}".`,
    {
      issues: [differenceIssue(field, existing.spec, spec)],
      hint: 'Submit it under a new id, or stop the existing task first.',
    },
  );
}

/** The first field in which two specs differ; undefined when they are the same. */
export function firstDifference(one: TaskSpec, other: TaskSpec): string | undefined {
  const before: Record<string, unknown> = one;
  const after: Record<string, unknown> = other;
  const fields = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return fields.find((field) => !isDeepStrictEqual(plain(before[field]), plain(after[field])));
}

/** What the field is and was, as far as it may be shown. */
function differenceIssue(field: string, before: TaskSpec, after: TaskSpec): InputIssue {
  const shown = (spec: Readonly<Record<string, unknown>>): string =>
    describeValue(spec[field], [field]);
  return { field, got: shown(after), want: `${shown(before)}, as the task of this id has it` };
}

/** Read back from JSON, so that an absent field and an undefined one are the same. */
function plain(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}

export interface StopRequest {
  readonly requestId: string;
  /** Wall time as RFC 3339, for a task that ends here and now. */
  readonly time: string;
}

/** The user wants the task stopped; nothing when that is so already, or it has ended. */
export function stopDrafts(task: Task, request: StopRequest): readonly EventDraft[] {
  const { status } = task;
  if (status.desired === 'stopped' || status.state === 'completed') return [];
  const isFinallyFailed = status.state === 'failed' && status.restartDelayMs === undefined;
  if (isFinallyFailed) return [];
  const shared = {
    taskId: task.id,
    attempt: status.attempt,
    ...(status.node === undefined ? {} : { node: status.node }),
    cause: `request ${request.requestId}`,
    correlationId: request.requestId,
  };
  const requested: EventDraft = {
    ...shared,
    type: 'task-stop-requested',
    // A restart that is waited for is off; without its delay a failed task has failed for good.
    status: { desired: 'stopped', restartDelayMs: null },
    actor: 'user',
  };
  if (status.state !== 'pending') return [requested];
  const when = status.attempt === 0 ? 'before it ran' : 'while it waited for a node';
  const reason = { code: 'stopped-by-user', message: `It was stopped ${when}.` } as const;
  return [
    requested,
    {
      ...shared,
      type: 'task-completed',
      status: { state: 'completed', reason, finishedAt: request.time },
      reason,
      actor: 'manager',
    },
  ];
}
