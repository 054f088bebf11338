import type { Timer } from '../../lib/clock.ts';
import type { PublishedPort } from '../../task/port.ts';
import type { Reason } from '../../task/reason.ts';
import type { TaskSpec } from '../../task/task-spec.ts';
import type { ExitCode } from '../../task/task-status.ts';
import type { InstanceKey, InstanceStatus } from '../runtime.ts';
import type { SimulatedBehaviour } from './simulated-behaviour.ts';

/** One instance as it truly is in a simulated world. Only the world changes it. */
export interface SimulatedInstance {
  readonly key: InstanceKey;
  readonly cluster: string;
  readonly spec: TaskSpec;
  readonly runtimeId: string;
  readonly behaviour: SimulatedBehaviour;
  phase: InstanceStatus['phase'];
  ports: readonly PublishedPort[];
  /** Monotonic milliseconds of the world's clock. */
  startedAtMs: number;
  finishedAtMs: number;
  startedAt?: string;
  finishedAt?: string;
  end?: { readonly exitCode: ExitCode; readonly reason: Reason };
  exitTimer?: Timer;
  /** Set once a stop signal has been taken; a second one changes nothing. */
  stopTimer?: Timer;
  /** Called once when it ends or is removed; made only when somebody waits. */
  onEnd?: Set<() => void>;
}

export function toStatus(instance: SimulatedInstance): InstanceStatus {
  const { key, cluster, phase, runtimeId, ports, startedAt, finishedAt, end } = instance;
  return {
    taskId: key.taskId,
    attempt: key.attempt,
    cluster,
    phase,
    runtimeId,
    ports,
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(finishedAt === undefined ? {} : { finishedAt }),
    ...(end === undefined ? {} : { exitCode: end.exitCode, reason: end.reason }),
  };
}
