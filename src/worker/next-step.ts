import { isDeepStrictEqual } from 'node:util';
import type { Observation } from '../link/protocol.ts';
import type { InstanceStatus } from '../runtime/runtime.ts';
import type { AttemptRecord } from '../store/attempt-repository.ts';
import { endedObservation, endOfInstance, endOfMissing } from './attempt-end.ts';

/** What is to be done next about one attempt. */
export type Step =
  /** What is known and what is agree with what is wanted. */
  | { readonly type: 'nothing' }
  /** Start the instance, or finish a start that was interrupted. */
  | { readonly type: 'start' }
  | { readonly type: 'stop' }
  /** Remove the instance with all that is left of it. */
  | { readonly type: 'remove' }
  /** Record, and with that report, what is. */
  | { readonly type: 'observe'; readonly observation: Observation }
  /** Nothing is left of it: drop the record. */
  | { readonly type: 'forget' };

/** What is said of an instance that does not go on, since somebody else holds it. */
const PAUSED = 'paused from outside';

const NOTHING: Step = { type: 'nothing' };

/**
 * The next step for an attempt, from its record and from what its runtime shows (undefined where
 * there is no instance). Depends on nothing else, so it may be asked at any moment, twice, or
 * after a crash between any two steps. `now` is the wall time, for ends whose time is lost.
 */
export function nextStep(
  record: AttemptRecord,
  status: InstanceStatus | undefined,
  now: string,
): Step {
  if (record.desired === 'forgotten') return stepToForget(record, status);
  if (record.observation.phase === 'ended') return stepAfterEnd(status);
  return record.desired === 'stopped'
    ? stepToStop(record, status, now)
    : stepToRun(record, status, now);
}

function stepToForget(record: AttemptRecord, status: InstanceStatus | undefined): Step {
  if (status === undefined) return record.gone === true ? NOTHING : { type: 'forget' };
  return status.phase === 'running' ? { type: 'stop' } : { type: 'remove' };
}

/** An end is final: what still runs, or runs again, under the same attempt must not. */
function stepAfterEnd(status: InstanceStatus | undefined): Step {
  if (status?.phase === 'running') return { type: 'stop' };
  if (status?.phase === 'created') return { type: 'remove' };
  return NOTHING;
}

function stepToStop(record: AttemptRecord, status: InstanceStatus | undefined, now: string): Step {
  if (status?.phase === 'running') return { type: 'stop' };
  if (status?.phase === 'created') return { type: 'remove' };
  return observeEnd(record, status, now);
}

function stepToRun(record: AttemptRecord, status: InstanceStatus | undefined, now: string): Step {
  const hasRun = record.observation.phase === 'running';
  if (status?.phase === 'running') {
    const observation = runningObservation(record, status);
    const isKnown = isDeepStrictEqual(observation, record.observation);
    return isKnown ? NOTHING : { type: 'observe', observation };
  }
  if (status?.phase === 'ended') return observeEnd(record, status, now);
  // Missing or only made. What never ran is started; what ran was taken away.
  return hasRun ? observeEnd(record, undefined, now) : { type: 'start' };
}

function observeEnd(record: AttemptRecord, status: InstanceStatus | undefined, now: string): Step {
  const ended =
    status === undefined ? endOfMissing(record, now) : endOfInstance(record, status, now);
  return { type: 'observe', observation: endedObservation(record, ended, status) };
}

function runningObservation(record: AttemptRecord, status: InstanceStatus): Observation {
  const before = record.observation;
  const wasRunning = before.phase === 'running';
  const health = before.health ?? (record.spec?.health === undefined ? undefined : 'starting');
  const known = wasRunning && before.progress !== PAUSED ? before.progress : undefined;
  const progress = status.isPaused === true ? PAUSED : known;
  return {
    taskId: record.taskId,
    attempt: record.attempt,
    phase: 'running',
    ...(progress === undefined ? {} : { progress }),
    runtimeId: status.runtimeId,
    ...(status.startedAt === undefined ? {} : { startedAt: status.startedAt }),
    ports: [...status.ports],
    ...(health === undefined ? {} : { health }),
  };
}
