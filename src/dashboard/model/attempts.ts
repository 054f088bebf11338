import type { EventReply } from '../../client/event-stream.ts';
import type { ExitCode } from '../../task/task-status.ts';

/** One placement of a task, as its events tell it. */
export interface AttemptRow {
  readonly number: number;
  readonly node?: string;
  readonly scheduledAt?: string;
  readonly startedAt?: string;
  readonly endedAt?: string;
  readonly exitCode?: ExitCode;
  readonly outcome?: 'completed' | 'failed';
  readonly reason?: string;
}

/** The attempts of one task, the newest first. What was pruned from the log is missing. */
export function attemptsOf(events: readonly EventReply[]): readonly AttemptRow[] {
  const attempts = new Map<number, AttemptRow>();
  let current = 0;
  for (const event of events) {
    current = event.attempt ?? current;
    if (current === 0) continue;
    const known = attempts.get(current) ?? { number: current };
    attempts.set(current, { ...known, ...toldBy(event) });
  }
  return [...attempts.values()].sort((a, b) => b.number - a.number);
}

function toldBy({ type, time, node, status, reason }: EventReply): Partial<AttemptRow> {
  switch (type) {
    case 'task-scheduled':
      return { scheduledAt: time, ...(node === undefined ? {} : { node }) };
    case 'task-started':
      return { startedAt: status?.startedAt ?? time };
    case 'task-completed':
    case 'task-failed': {
      const exitCode = status?.exitCode ?? undefined;
      return {
        outcome: type === 'task-completed' ? 'completed' : 'failed',
        endedAt: status?.finishedAt ?? time,
        ...(exitCode === undefined ? {} : { exitCode }),
        ...(reason === undefined ? {} : { reason: reason.message }),
      };
    }
    default:
      return {};
  }
}
