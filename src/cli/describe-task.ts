import type { TaskReply } from '../link/replies.ts';
import type { PublishedPort } from '../task/port.ts';
import { isFinal } from '../task/task.ts';
import { formatAge, formatSpan } from './age.ts';

/** As many digits of an id as people need. */
export function shortId(id: string): string {
  return id.slice(0, 8);
}

/** The state of a task in the words of a table: what it is, and what it waits for. */
export function describeState(task: TaskReply, now: number): string {
  const { status } = task;
  if (task.observedAt !== undefined) return `unknown since ${formatAge(task.observedAt, now)}`;
  if (status.desired === 'stopped' && !isFinal(task)) return describeStopping(task);
  switch (status.state) {
    case 'pending':
      return withMore('pending', status.reason?.message);
    case 'scheduled':
      return withMore('scheduled', status.progress ?? status.reason?.message);
    case 'running':
      if (status.replacing?.attempt === status.attempt) return describeReplacing(task);
      return withMore(
        status.health === undefined ? 'running' : `running (${status.health})`,
        status.progress,
      );
    case 'completed':
      return withMore('completed', status.reason?.code === 'exited' ? undefined : endOf(task));
    case 'failed':
      return withMore('failed', [endOf(task), restartOf(task, now)].filter(Boolean).join(', '));
  }
}

/** `running: restarting`, `running: moving`. */
function describeReplacing({ status }: TaskReply): string {
  const isMove = status.replacing?.reason.code === 'node-drained';
  return withMore(`${status.state}: ${isMove ? 'moving' : 'restarting'}`, status.progress);
}

/** `running: stopping (stuck: …)`, where it cannot be ended. */
function describeStopping({ status: { state, progress } }: TaskReply): string {
  const isHeldUp = state === 'running' && progress !== undefined;
  return isHeldUp ? `${state}: stopping (${progress.replace(/\.$/, '')})` : `${state}: stopping`;
}

function withMore(state: string, more: string | undefined): string {
  return more === undefined || more === '' ? state : `${state}: ${more.replace(/\.$/, '')}`;
}

function endOf(task: TaskReply): string | undefined {
  const { reason, exitCode } = task.status;
  if (reason?.code === 'exited' && typeof exitCode === 'number') return `exit code ${exitCode}`;
  if (reason?.code === 'stopped-by-user') return 'stopped';
  return reason?.message.replace(/\.$/, '');
}

function restartOf(task: TaskReply, now: number): string | undefined {
  const { finishedAt, restartDelayMs } = task.status;
  if (restartDelayMs === undefined || finishedAt === undefined) return undefined;
  const leftMs = Date.parse(finishedAt) + restartDelayMs - now;
  return leftMs > 0 ? `restart in ${formatSpan(Math.max(1000, leftMs))}` : 'restarts now';
}

/** `exit code 3`; nothing where none is known, since none is ever invented. */
export function describeExitCode(task: TaskReply): string | undefined {
  const { exitCode } = task.status;
  return typeof exitCode === 'number' ? `exit code ${exitCode}` : undefined;
}

/** `127.0.0.1:8080->80/tcp`. */
export function formatPort(port: PublishedPort): string {
  const host = port.address.includes(':') ? `[${port.address}]` : port.address;
  return `${host}:${port.host}->${port.container}/${port.protocol}`;
}

/** The ports that are published now; none, once the task has ended. */
export function formatPorts(task: TaskReply): string {
  if (isFinal(task)) return '';
  return (task.status.ports ?? []).map(formatPort).join(' ');
}
