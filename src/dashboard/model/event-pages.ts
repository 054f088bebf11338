import type { EventReply } from '../../client/event-stream.ts';
import type { Session } from './session.ts';

const PAGE_SIZE = 500;

/** Events of the log before a revision, read backwards piece by piece. */
export interface EventPage {
  /** Oldest first. */
  readonly events: readonly EventReply[];
  /** What comes before begins below this revision; undefined when the log has no more. */
  readonly before: number | undefined;
}

/**
 * The events just before `before`, itself not among them.
 *
 * @throws CubeError; the signal's reason.
 */
export async function readEventsBefore(
  { client }: Session,
  before: number,
  signal: AbortSignal,
): Promise<EventPage> {
  const { floor } = await client.status({ signal });
  const after = Math.max(floor, before - 1 - PAGE_SIZE);
  const events: EventReply[] = [];
  if (before - 1 <= floor) return { events, before: undefined };
  for await (const event of client.events({ after, follow: false, signal })) {
    if (event.revision >= before) break;
    events.push(event);
    if (event.revision === before - 1) break;
  }
  return { events, before: after > floor ? after + 1 : undefined };
}
