import { CubeError } from '../errors/cube-error.ts';
import type { Ended, Observation } from '../link/protocol.ts';
import type { InstanceStatus } from '../runtime/runtime.ts';
import type { AttemptRecord } from '../store/attempt-repository.ts';
import type { Reason, ReasonCode } from '../task/reason.ts';

/** Exit codes that a program has after a signal which it did not handle. */
const SIGNAL_BY_EXIT_CODE: ReadonlyMap<number | 'unknown', string> = new Map([
  [129, 'SIGHUP'],
  [130, 'SIGINT'],
  [131, 'SIGQUIT'],
  [137, 'SIGKILL'],
  [143, 'SIGTERM'],
]);

/**
 * How an attempt ended whose instance the runtime shows as ended. An exit code that the runtime
 * does not know stays unknown.
 */
export function endOfInstance(record: AttemptRecord, status: InstanceStatus, now: string): Ended {
  const exitCode = status.exitCode ?? 'unknown';
  return {
    exitCode,
    reason: reasonOfExit(record, exitCode, status.reason),
    finishedAt: status.finishedAt ?? now,
  };
}

/** How an attempt ended of which the runtime has nothing. */
export function endOfMissing(record: AttemptRecord, now: string): Ended {
  const hasRun = record.observation.phase === 'running';
  if (record.desired !== 'running') {
    const words = hasRun ? 'Stopped; its exit code is lost.' : 'Stopped before it ran.';
    const reason = record.stopReason ?? { code: 'stopped-by-user', message: words };
    return { ...(hasRun ? { exitCode: 'unknown' } : {}), reason, finishedAt: now };
  }
  return {
    exitCode: 'unknown',
    reason: {
      code: 'removed-externally',
      message: 'Its instance was removed by something other than Cube; its exit code is lost.',
    },
    finishedAt: now,
  };
}

function reasonOfExit(
  record: AttemptRecord,
  exitCode: number | 'unknown',
  reported: Reason | undefined,
): Reason {
  if (reported?.code === 'out-of-memory') return reported;
  if (record.desired !== 'running') {
    if (record.stopReason !== undefined) return record.stopReason;
    if (reported?.code === 'killed-after-timeout') return reported;
    return {
      code: 'stopped-by-user',
      message: `Stopped as asked; its exit code is ${exitCode}.`,
    };
  }
  const signal = SIGNAL_BY_EXIT_CODE.get(exitCode);
  if (signal !== undefined && (reported === undefined || reported.code === 'exited')) {
    return {
      code: 'stopped-externally',
      message: `Ended with exit code ${exitCode}, as after a ${signal} that Cube did not send.`,
    };
  }
  return reported ?? { code: 'exited', message: `Exited with code ${exitCode}.` };
}

/** The observation of an attempt that has ended. */
export function endedObservation(
  record: AttemptRecord,
  ended: Ended,
  status?: InstanceStatus,
): Observation {
  const { observation } = record;
  const runtimeId = status?.runtimeId ?? observation.runtimeId;
  const startedAt = status?.startedAt ?? observation.startedAt;
  return {
    taskId: record.taskId,
    attempt: record.attempt,
    phase: 'ended',
    ...(runtimeId === undefined ? {} : { runtimeId }),
    ...(startedAt === undefined ? {} : { startedAt }),
    ended,
  };
}

const REASON_BY_ERROR: ReadonlyMap<string, ReasonCode> = new Map([
  ['image-missing', 'image-missing'],
  ['port-taken', 'port-taken'],
  ['not-allowed', 'not-allowed'],
]);

/** Why an attempt ended whose start failed with this error. */
export function reasonOfStart(error: unknown): ReasonCode {
  const code = error instanceof CubeError ? REASON_BY_ERROR.get(error.code) : undefined;
  return code ?? 'start-failed';
}
