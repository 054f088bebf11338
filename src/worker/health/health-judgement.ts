import type { HealthCheck } from '../../task/health-check.ts';
import { durationMs } from '../../task/spec-fields.ts';
import type { HealthState } from '../../task/task-status.ts';

/** A `HealthCheck` with its durations in milliseconds. */
export interface HealthLimits {
  readonly intervalMs: number;
  readonly startPeriodMs: number;
  readonly retries: number;
}

/** What is remembered between two checks of one attempt. Times are monotonic milliseconds. */
export interface HealthMemory {
  readonly health: HealthState;
  /** Failures in a row that counted. */
  readonly failureCount: number;
  /** When the watch over this attempt began. */
  readonly beganAt: number;
  /** When a failure last counted; the beginning before the first. */
  readonly countedAt: number;
}

export type HealthFinding =
  | 'healthy'
  | 'failing'
  /** The check itself could not be made; that says nothing of the task. */
  | 'not-judgeable';

/** While a task starts, it is asked this often at least, so that it counts as healthy at once. */
const STARTING_INTERVAL_MS_MAX = 1000;

export function toHealthLimits(check: HealthCheck): HealthLimits {
  return {
    intervalMs: durationMs(check.interval),
    startPeriodMs: durationMs(check.startPeriod),
    retries: check.retries,
  };
}

/**
 * The memory at the beginning of a watch. `known` is what was recorded before a restart of the
 * worker: who has once been judged is past the start period.
 */
export function beginHealth(known: HealthState, now: number): HealthMemory {
  return { health: known, failureCount: 0, beganAt: now, countedAt: now };
}

/**
 * What one finding changes. One success makes healthy; `retries` failures in a row make unhealthy.
 * A failure counts at most once an interval, however often a starting task is asked, and not at
 * all during the start period.
 */
export function judgeHealth(
  memory: HealthMemory,
  finding: HealthFinding,
  context: { readonly limits: HealthLimits; readonly now: number },
): HealthMemory {
  const { limits, now } = context;
  if (finding === 'not-judgeable') return memory;
  if (finding === 'healthy') {
    return { ...memory, health: 'healthy', failureCount: 0, countedAt: now };
  }
  const isStarting = memory.health === 'starting';
  if (isStarting && now - memory.beganAt < limits.startPeriodMs) {
    return { ...memory, countedAt: now };
  }
  if (isStarting && now - memory.countedAt < limits.intervalMs) return memory;
  const failureCount = Math.min(memory.failureCount + 1, limits.retries);
  const health = failureCount >= limits.retries ? 'unhealthy' : memory.health;
  return { ...memory, health, failureCount, countedAt: now };
}

/** How long to wait for the next check, in milliseconds. */
export function nextCheckMs(memory: HealthMemory, limits: HealthLimits): number {
  if (memory.health !== 'starting') return limits.intervalMs;
  return Math.min(limits.intervalMs, STARTING_INTERVAL_MS_MAX);
}
