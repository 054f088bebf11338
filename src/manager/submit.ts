import { isDeepStrictEqual } from 'node:util';
import { CubeError, type InputIssue } from '../errors/cube-error.ts';
import { describeValue } from '../errors/describe-value.ts';
import type { EventDraft } from '../event/event.ts';
import type { Task } from '../task/task.ts';
import type { TaskSpec } from '../task/task-spec.ts';

/** The first event of a task. */
export function submitDraft(id: string, spec: TaskSpec, requestId: string): EventDraft {
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
export function assertSameSpec(existing: Task, spec: TaskSpec): void {
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

function firstDifference(one: TaskSpec, other: TaskSpec): string | undefined {
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
  const reason = { code: 'stopped-by-user', message: 'It was stopped before it ran.' } as const;
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
