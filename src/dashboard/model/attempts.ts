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
  /** Replaced: it made way for the next one, as was asked. */
  readonly outcome?: 'completed' | 'failed' | 'replaced';
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

function toldBy({ type, time, node, after, status, reason }: EventReply): Partial<AttemptRow> {
  if (type === 'task-scheduled') return { scheduledAt: time, ...(node && { node }) };
  const isEnd = typeof status?.finishedAt === 'string';
  if (!isEnd) return type === 'task-started' ? { startedAt: status?.startedAt ?? time } : {};
  const { exitCode, finishedAt } = status;
  return {
    outcome: after === 'completed' || after === 'failed' ? after : 'replaced',
    endedAt: finishedAt ?? time,
    ...(exitCode !== undefined && exitCode !== null && { exitCode }),
    ...(reason && { reason: reason.message }),
  };
}
