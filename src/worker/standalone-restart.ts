import type { Random } from '../lib/random.ts';
import type { Observation } from '../link/protocol.ts';
import { type AttemptRecord, STANDALONE } from '../store/attempt-repository.ts';
import { decideRestart } from '../task/restart-decision.ts';
import type { AttemptDraft, BookDraft } from './attempt-book.ts';
import { newAttempt } from './orders.ts';
import type { RunTimes } from './run-times.ts';

/**
 * The record of an attempt after `observation`, and, where it is a standalone task that ended,
 * with the decision whether it is started again. A manager decides for its own tasks.
 */
export function withObservation(
  record: AttemptRecord,
  observation: Observation,
  { random, times }: { readonly random: Random; readonly times: RunTimes },
): AttemptDraft {
  const next = { ...record, observation };
  const { ended } = observation;
  if (record.cluster !== STANDALONE || ended === undefined || record.spec === undefined) {
    return next;
  }
  const { count, recentCount } = record.restart ?? { count: 0, recentCount: 0 };
  const { stopReason } = record;
  const isUnhealthy = stopReason?.code === 'unhealthy';
  if (record.desired !== 'running' && !isUnhealthy) {
    return { ...next, restart: { count, recentCount } };
  }
  const succeeded = ended.exitCode === 0 && ended.reason.code === 'exited';
  const ranMs = Math.min(times.ranMs(record), shownMs(observation));
  const decision = decideRestart(
    record.spec.restart,
    { succeeded, ranMs, recentRestartCount: recentCount },
    random,
  );
  if (decision.restart) {
    const { delayMs, recentRestartCount } = decision;
    const restart = { count, recentCount: recentRestartCount, delayMs };
    return { ...next, desired: 'running', restart };
  }
  if (decision.why === 'not-wanted') return { ...next, restart: { count, recentCount } };
  const last = isUnhealthy ? stopReason : ended.reason;
  const reason = {
    code: 'restarts-exhausted' as const,
    message: `${last.message} It was restarted ${recentCount} times, as often as its policy allows.`,
  };
  return {
    ...next,
    observation: { ...observation, ended: { ...ended, reason } },
    restart: { count, recentCount },
  };
}

/**
 * Starts the next attempt of a standalone task whose wait is over. The attempt before it is kept
 * with its output; older ones are forgotten.
 */
export function startNextAttempt(draft: BookDraft, taskId: string, now: string): void {
  const records = draft.ofTask(taskId);
  const last = records.at(-1);
  if (last?.restart?.delayMs === undefined || last.desired !== 'running') return;
  if (last.spec === undefined) return;
  const { count, recentCount } = last.restart;
  draft.put({ ...last, restart: { count, recentCount } });
  for (const older of records.slice(0, -1)) {
    if (older.desired !== 'forgotten') draft.put({ ...older, desired: 'forgotten' });
  }
  const key = { taskId, attempt: last.attempt + 1 };
  draft.put({
    ...newAttempt({ key, cluster: STANDALONE, spec: last.spec, now }),
    createdAt: last.createdAt,
    restart: { count: count + 1, recentCount },
  });
}

/**
 * A standalone task that is unhealthy is stopped, and restarted by its policy, as a manager does.
 */
export function withUnhealthy(record: AttemptRecord, detail: string): AttemptRecord {
  const isGivenUp = record.cluster === STANDALONE && record.spec?.restart.policy !== 'never';
  if (!isGivenUp || record.desired !== 'running') return record;
  return { ...record, desired: 'stopped', stopReason: { code: 'unhealthy', message: detail } };
}

/**
 * How long it ran by the runtime's own times. They tell the very moment of the end, which the
 * worker may see or record much later; but a step of the wall clock may be in them, too.
 */
function shownMs({ startedAt, ended }: Observation): number {
  if (startedAt === undefined || ended === undefined) return 0;
  return Math.max(0, Date.parse(ended.finishedAt) - Date.parse(startedAt));
}
