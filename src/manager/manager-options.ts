import type { CubeError } from '../errors/cube-error.ts';
import { type Clock, systemClock } from '../lib/clock.ts';
import { type Logger, noopLogger } from '../lib/logger.ts';
import { type Random, systemRandom } from '../lib/random.ts';
import { noopTracer, type Tracer } from '../lib/tracer.ts';
import { createScheduler } from '../scheduler/create-scheduler.ts';
import type { Scheduler } from '../scheduler/scheduler.ts';
import type { Store } from '../store/store.ts';
import type { LivenessLimits } from './judge-liveness.ts';
import { type ManagerMeter, noopManagerMeter } from './manager-meter.ts';
import { defaultRetention, type RetentionLimits } from './retention-limits.ts';
import type { WorkerLink } from './worker-link.ts';

export interface ManagerOptions {
  /** Where the state is kept. The manager does not close it. */
  readonly store: Store;
  /** How workers are reached. */
  readonly link: WorkerLink;
  /** The placement policy. Default: epvm. */
  readonly scheduler?: Scheduler;
  /** Addresses of workers that do not announce themselves, as `http://host:port`. */
  readonly workerAddresses?: readonly string[];
  /** A node silent for this long is down, in milliseconds. Default 15,000; at least 500. */
  readonly nodeTimeoutMs?: number;
  readonly retention?: Partial<RetentionLimits>;
  /** Tasks in the state at most; a submission beyond is refused. Default 2,000,000. */
  readonly taskCountMax?: number;
  /** The store failed for good, or another manager reigns: this one has stopped working. */
  readonly onFatal?: (error: CubeError) => void;
  readonly version?: string;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly logger?: Logger;
  /** Default: nothing is measured. */
  readonly meter?: ManagerMeter;
  /** Default: no traces. */
  readonly tracer?: Tracer;
}

/** Options with every default filled in. */
export interface CompiledManagerOptions
  extends Required<Omit<ManagerOptions, 'retention' | 'nodeTimeoutMs'>> {
  readonly retention: RetentionLimits;
  readonly limits: LivenessLimits;
}

/** A worker is to be heard this often within the time-out of its node. */
const HEARTBEATS_PER_TIMEOUT = 5;

export function compileManagerOptions(options: ManagerOptions): CompiledManagerOptions {
  const nodeTimeoutMs = Math.max(500, options.nodeTimeoutMs ?? 15_000);
  return Object.freeze({
    scheduler: createScheduler('epvm'),
    workerAddresses: [],
    taskCountMax: 2_000_000,
    onFatal: () => undefined,
    version: '0.0.0',
    clock: systemClock,
    random: systemRandom,
    logger: noopLogger,
    meter: noopManagerMeter,
    tracer: noopTracer,
    ...options,
    retention: { ...defaultRetention, ...options.retention },
    limits: { nodeTimeoutMs, heartbeatMs: Math.round(nodeTimeoutMs / HEARTBEATS_PER_TIMEOUT) },
  });
}
