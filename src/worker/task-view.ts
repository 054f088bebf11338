import { type AttemptRecord, STANDALONE } from '../store/attempt-repository.ts';
import type { Task } from '../task/task.ts';
import type { TaskState } from '../task/task-state.ts';
import type { TaskStatus } from '../task/task-status.ts';

/** Reasons of an end that was wished for. */
const WISHED: ReadonlySet<string> = new Set(['stopped-by-user', 'killed-after-timeout']);

/**
 * The task as its worker alone can show it: the latest attempt that has a spec.
 *
 * @returns undefined where nothing but the end of it is known here.
 */
export function toTaskView(records: readonly AttemptRecord[], node: string): Task | undefined {
  const record = records.findLast((one) => one.spec !== undefined && one.gone !== true);
  if (record?.spec === undefined) return undefined;
  const status = Object.freeze(toStatus(record, node));
  const { taskId: id, spec, createdAt, sequence: revision } = record;
  return Object.freeze({ id, spec, status, createdAt, createdRevision: revision, revision });
}

function toStatus(record: AttemptRecord, node: string): TaskStatus {
  const { observation, restart } = record;
  const { progress, runtimeId, ports, health, startedAt, ended } = observation;
  const recentRestartCount = restart?.recentCount;
  return {
    state: toState(record),
    desired: record.desired === 'running' ? 'running' : 'stopped',
    attempt: record.attempt,
    restartCount: record.cluster === STANDALONE ? (restart?.count ?? 0) : record.attempt - 1,
    node,
    scheduledAt: record.createdAt,
    ...(progress === undefined ? {} : { progress }),
    ...(runtimeId === undefined ? {} : { runtimeId }),
    ...(ports === undefined ? {} : { ports }),
    ...(health === undefined ? {} : { health }),
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(ended === undefined ? {} : { finishedAt: ended.finishedAt, reason: ended.reason }),
    ...(ended?.exitCode === undefined ? {} : { exitCode: ended.exitCode }),
    ...(ended?.output === undefined ? {} : { output: ended.output }),
    ...(restart?.delayMs === undefined ? {} : { restartDelayMs: restart.delayMs }),
    ...(recentRestartCount === undefined ? {} : { recentRestartCount }),
  };
}

function toState(record: AttemptRecord): TaskState {
  const { phase, ended } = record.observation;
  if (phase === 'preparing') return 'scheduled';
  if (phase === 'running') return 'running';
  if (record.restart?.delayMs !== undefined) return 'failed';
  const succeeded = ended?.exitCode === 0 && ended.reason.code === 'exited';
  return succeeded || (ended !== undefined && WISHED.has(ended.reason.code))
    ? 'completed'
    : 'failed';
}
