import { isCubeError, messageOf } from '../../errors/cube-error.ts';
import { type Clock, sleep } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import type { AttemptKey } from '../../link/protocol.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import type { HealthCheck } from '../../task/health-check.ts';
import type { PublishedPort } from '../../task/port.ts';
import { durationMs } from '../../task/spec-fields.ts';
import type { HealthState } from '../../task/task-status.ts';
import type { WorkerMeter } from '../worker-meter.ts';
import {
  beginHealth,
  type HealthFinding,
  judgeHealth,
  nextCheckMs,
  toHealthLimits,
} from './health-judgement.ts';
import type { ProbeResult, Prober, ProbeTarget } from './prober.ts';

export interface HealthWatchOptions {
  readonly key: AttemptKey;
  readonly check: HealthCheck;
  /** What was known before; `starting` for a new attempt. */
  readonly known: HealthState;
  readonly ports: readonly PublishedPort[];
  readonly runtime: Runtime;
  /** False while the runtime is away: then a failure says nothing of the task. */
  readonly isRuntimeAvailable: () => boolean;
  readonly prober: Prober;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly meter: Pick<WorkerMeter, 'onHealthCheck'>;
  /** Records a judgement that differs from the one before, with what was found. */
  readonly report: (health: HealthState, detail: string) => Promise<void>;
}

/**
 * Checks one running attempt again and again, one check at a time, until `signal` is aborted.
 * A judgement that could not be recorded is made again by the next check.
 */
export async function watchHealth(options: HealthWatchOptions, signal: AbortSignal): Promise<void> {
  const { clock, check, known, logger, key, meter } = options;
  const limits = toHealthLimits(check);
  let memory = beginHealth(known, clock.monotonic());
  while (!signal.aborted) {
    try {
      const startedAt = clock.monotonic();
      const { finding, detail } = await findHealth(options, signal);
      if (signal.aborted) return;
      meter.onHealthCheck({ finding, seconds: (clock.monotonic() - startedAt) / 1000 });
      const next = judgeHealth(memory, finding, { limits, now: clock.monotonic() });
      if (next.health !== memory.health) await options.report(next.health, detail);
      memory = next;
    } catch (error) {
      if (signal.aborted) return;
      logger.warn({ err: error, ...key }, 'A health check could not be made or recorded.');
    }
    await sleep(clock, nextCheckMs(memory, limits), signal).catch(() => undefined);
  }
}

interface Found {
  readonly finding: HealthFinding;
  readonly detail: string;
}

async function findHealth(options: HealthWatchOptions, signal: AbortSignal): Promise<Found> {
  const result = await checkOnce(options, signal);
  if (result === 'not-judgeable') return { finding: result, detail: '' };
  if (result.healthy) return { finding: 'healthy', detail: result.detail };
  const finding = options.isRuntimeAvailable() ? 'failing' : 'not-judgeable';
  return { finding, detail: result.detail };
}

async function checkOnce(
  options: HealthWatchOptions,
  signal: AbortSignal,
): Promise<ProbeResult | 'not-judgeable'> {
  const { check, clock } = options;
  const timeoutMs = durationMs(check.timeout);
  if (check.command !== undefined) return runCommand(options, check.command, signal);
  const port = check.http?.port ?? check.tcp?.port;
  const target = port === undefined ? undefined : targetOf(options.ports, port);
  if (target === undefined) return { healthy: false, detail: `port ${port} is not published` };
  const late = new AbortController();
  const timer = clock.setTimer(timeoutMs, () => late.abort());
  try {
    const either = AbortSignal.any([signal, late.signal]);
    const result =
      check.http === undefined
        ? await options.prober.tcp(target, either)
        : await options.prober.http(target, check.http.path, either);
    return late.signal.aborted
      ? { healthy: false, detail: `no answer within ${check.timeout}` }
      : result;
  } finally {
    timer.cancel();
  }
}

async function runCommand(
  options: HealthWatchOptions,
  command: readonly string[],
  signal: AbortSignal,
): Promise<ProbeResult | 'not-judgeable'> {
  const { check, runtime, key } = options;
  const timeoutMs = durationMs(check.timeout);
  try {
    const { exitCode, output } = await runtime.execute(key, { command, timeoutMs, signal });
    if (exitCode === 0) return { healthy: true, detail: 'exit code 0' };
    if (exitCode < 0) return { healthy: false, detail: `no end within ${check.timeout}` };
    const [line = ''] = output.trim().split('\n');
    return { healthy: false, detail: `exit code ${exitCode}${line === '' ? '' : `: ${line}`}` };
  } catch (error) {
    // The instance or the runtime went away: that is told by the runtime's own watch.
    if (isCubeError(error, 'runtime-unavailable') || isCubeError(error, 'not-found')) {
      return 'not-judgeable';
    }
    if (isCubeError(error, 'runtime-failed')) return { healthy: false, detail: messageOf(error) };
    throw error;
  }
}

/** Where a task's own port is reached from its worker; undefined when it is not published. */
export function targetOf(
  ports: readonly PublishedPort[],
  container: number,
): ProbeTarget | undefined {
  const port = ports.find((one) => one.container === container && one.protocol === 'tcp');
  if (port === undefined) return undefined;
  return { host: LOOPBACK_BY_WILDCARD.get(port.address) ?? port.address, port: port.host };
}

const LOOPBACK_BY_WILDCARD: ReadonlyMap<string, string> = new Map([
  ['', '127.0.0.1'],
  ['0.0.0.0', '127.0.0.1'],
  ['::', '::1'],
]);
