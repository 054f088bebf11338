import type { EventDraft, TaskEventType } from '../event/event.ts';
import type { Random } from '../lib/random.ts';
import type { Ended, Observation } from '../link/protocol.ts';
import type { Reason } from '../task/reason.ts';
import { decideRestart } from '../task/restart-decision.ts';
import { isGivenUp, type Task } from '../task/task.ts';
import type { TaskStatusPatch } from '../task/task-status.ts';
import { displacedPatch, hasReplaced, isDisplaced } from './judge-replacement.ts';

/** What judging looks at beside the task and what was seen of it. */
export interface ObservationContext {
  /** The node whose worker saw it. */
  readonly node: string;
  readonly random: Random;
  /** How long the attempt has run as far as this manager knows, in milliseconds. */
  readonly ranMs: number;
  /** This manager's wall time, RFC 3339. */
  readonly time: string;
}

/**
 * What an observation changes. An attempt that is not the current one changes nothing, and neither
 * does one seen on another node, or one that the manager has already given up: an observation may
 * arrive late or twice.
 */
export function judgeObservation(
  task: Task,
  observation: Observation,
  context: ObservationContext,
): EventDraft | undefined {
  const { status } = task;
  const isCurrent = observation.attempt === status.attempt && status.node === context.node;
  if (!isCurrent || (status.state !== 'scheduled' && status.state !== 'running')) return undefined;
  const draft = (type: TaskEventType, patch: TaskStatusPatch, reason?: Reason): EventDraft => ({
    type,
    taskId: task.id,
    attempt: observation.attempt,
    node: context.node,
    status: patch,
    cause: `report of ${context.node}`,
    correlationId: `${task.id}/${observation.attempt}`,
    actor: `worker ${context.node}`,
    ...(reason === undefined ? {} : { reason }),
  });
  // Whatever becomes of it now, the attempt before has given its place.
  const replaced = hasReplaced(status) ? { replacing: null } : {};
  if (observation.ended !== undefined) {
    const { type, patch } = judgeEnd(task, observation.ended, context);
    const seen = factsOf(observation);
    const changes = { ...seen, ...patch, progress: null, ...replaced };
    return draft(type, changes, patch.reason ?? undefined);
  }
  if (observation.phase === 'running') {
    const running = judgeRunning(task, observation, draft);
    return running && { ...running, status: { ...running.status, ...replaced } };
  }
  const isNews = status.state === 'scheduled' && observation.progress !== status.progress;
  if (!isNews || observation.progress === undefined) return undefined;
  return draft('task-progressed', { progress: observation.progress });
}

function judgeRunning(
  task: Task,
  observation: Observation,
  draft: (type: TaskEventType, patch: TaskStatusPatch) => EventDraft,
): EventDraft | undefined {
  const { status } = task;
  if (status.state === 'scheduled') {
    const facts = factsOf(observation);
    const progress = observation.progress ?? null;
    return draft('task-started', { state: 'running', ...facts, progress, reason: null });
  }
  const { progress } = observation;
  // It may be well again before its stop arrives; that it is stopped, and why, stays true.
  const health = isGivenUp(task) ? status.health : (observation.health ?? status.health);
  const changed: TaskStatusPatch = {
    ...(health === status.health ? {} : { health }),
    ...(progress === status.progress ? {} : { progress: progress ?? null }),
  };
  if ('health' in changed) return draft('task-health-changed', changed);
  return 'progress' in changed ? draft('task-progressed', changed) : undefined;
}

function factsOf(observation: Observation): TaskStatusPatch {
  const { runtimeId, startedAt, ports, health } = observation;
  return {
    ...(runtimeId === undefined ? {} : { runtimeId }),
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(ports === undefined ? {} : { ports }),
    ...(health === undefined ? {} : { health }),
  };
}

/** What the end of the current attempt makes of the task. */
function judgeEnd(
  task: Task,
  ended: Ended,
  context: ObservationContext,
): { readonly type: TaskEventType; readonly patch: TaskStatusPatch } {
  const { spec, status } = task;
  const wasUnhealthy = status.health === 'unhealthy' && status.desired === 'running';
  const last = wasUnhealthy ? unhealthyReason(task) : ended.reason;
  const facts: TaskStatusPatch = {
    finishedAt: plausibleEnd(task, ended, context.time),
    ...(ended.exitCode === undefined ? {} : { exitCode: ended.exitCode }),
    reason: last,
  };
  if (status.desired === 'stopped') {
    return { type: 'task-completed', patch: { ...facts, state: 'completed' } };
  }
  if (isDisplaced(task, ended)) {
    return { type: 'task-displaced', patch: displacedPatch(task, facts) };
  }
  const succeeded = ended.exitCode === 0 && ended.reason.code === 'exited' && !wasUnhealthy;
  const decision = decideRestart(
    spec.restart,
    { succeeded, ranMs: context.ranMs, recentRestartCount: status.recentRestartCount ?? 0 },
    context.random,
  );
  if (succeeded && !decision.restart && decision.why === 'not-wanted') {
    return { type: 'task-completed', patch: { ...facts, state: 'completed' } };
  }
  const output = ended.output === undefined ? {} : { output: ended.output };
  const exitCode = ended.exitCode ?? 'unknown';
  const failure = { ...facts, ...output, exitCode, state: 'failed' } as const;
  if (!decision.restart) {
    const reason = decision.why === 'exhausted' ? exhausted(task, last) : last;
    return { type: 'task-failed', patch: { ...failure, reason } };
  }
  const { delayMs, recentRestartCount } = decision;
  return {
    type: 'task-failed',
    patch: { ...failure, restartDelayMs: delayMs, recentRestartCount },
  };
}

/**
 * When it ended by the worker's clock, unless that cannot be: before it was placed, or in the
 * future. How long it is kept is counted from here, and no worker's clock may decide that.
 */
function plausibleEnd(task: Task, { finishedAt }: Ended, now: string): string {
  const { scheduledAt = task.createdAt } = task.status;
  const end = Date.parse(finishedAt);
  return end >= Date.parse(scheduledAt) && end <= Date.parse(now) ? finishedAt : now;
}

function unhealthyReason(task: Task): Reason {
  const retries = task.spec.health?.retries ?? 1;
  return {
    code: 'unhealthy',
    message: `Its health check failed ${retries} times in a row, so it was stopped.`,
    details: { retries },
  };
}

function exhausted(task: Task, last: Reason): Reason {
  const { attempts = 0, window } = task.spec.restart;
  return {
    code: 'restarts-exhausted',
    message: `${last.message} It is not started again: ${attempts} restarts within ${window} are allowed.`,
    details: { attempts, window, last: last.code },
  };
}
