import type { HealthCheck } from '../../task/health-check.ts';
import { formatBytes } from '../../task/quantity.ts';
import type { RestartPolicy } from '../../task/restart-policy.ts';
import type { TaskSpec } from '../../task/task-spec.ts';
import { countOf } from './count-of.ts';

/** When a task is started again, in words. */
export function describeRestart({
  policy,
  attempts,
  delay,
  delayMax,
  window,
}: RestartPolicy): string {
  if (policy === 'never') return 'never';
  const count = attempts === undefined ? '' : `, at most ${attempts} times within ${window}`;
  return `${policy === 'always' ? 'always' : 'when it fails'}, after ${delay} to ${delayMax}${count}`;
}

/** How it is told that a task works, in words. */
export function describeHealthCheck(check: HealthCheck): string {
  const { http, tcp, command = [], interval, timeout, retries } = check;
  const what =
    http !== undefined
      ? `GET port ${http.port}${http.path}`
      : tcp !== undefined
        ? `connects to port ${tcp.port}`
        : command.join(' ');
  return `${what}, every ${interval}, within ${timeout}; unhealthy after ${retries} failures`;
}

/** What a task asks of a node, in words; empty where it asks for nothing. */
export function describeRequest({ cpu, memory, disk }: TaskSpec): string {
  const parts = [
    cpu === undefined ? undefined : countOf(cpu, 'core'),
    memory === undefined ? undefined : `${formatBytes(memory)} memory`,
    disk === undefined ? undefined : `${formatBytes(disk)} disk`,
  ];
  return parts.filter((part) => part !== undefined).join(', ');
}
