import { type ReadonlySignal, signal } from '@preact/signals';
import type { Moment } from '../../client/cube-client.ts';
import type { EventReply } from '../../client/event-stream.ts';
import type { NodeReply } from '../../link/replies.ts';
import { type ClusterCopy, readOtherPages, readTaskPage } from './cluster-copy.ts';
import type { Session } from './session.ts';
import { TaskTable } from './task-table.ts';

/** The cluster as it was at one moment. */
export interface PastCopy extends ClusterCopy {
  /** The event that led to it; absent for the oldest that is kept. */
  readonly event: EventReply | undefined;
}

/**
 * Reads the cluster as it was. `onOpen` is called when there is something to be seen; the call
 * resolves when all of it has been read.
 *
 * @throws CubeError `pruned`, when the log does not reach back so far; the signal's reason.
 */
export async function readPastCopy(
  session: Session,
  at: Moment,
  options: { readonly signal: AbortSignal; readonly onOpen: (copy: PastCopy) => void },
): Promise<void> {
  const { client, connection } = session;
  const { signal: stop, onOpen } = options;
  const tasks = new TaskTable();
  const first = await readTaskPage(connection, tasks, { at, signal: stop });
  const { revision } = first;
  const [nodes, event] = await Promise.all([
    client.nodes({ at: revision, signal: stop }),
    findEvent(session, revision, stop),
  ]);
  const isComplete = signal(first.cursor === undefined);
  const copy: PastCopy = {
    tasks,
    nodes: signal<readonly NodeReply[]>(nodes),
    revision: signal(revision),
    isComplete: isComplete satisfies ReadonlySignal<boolean>,
    event,
  };
  onOpen(copy);
  await readOtherPages(connection, tasks, { at: revision, first, signal: stop });
  isComplete.value = true;
}

/** The event with this revision, if it is still kept. */
async function findEvent(
  { client }: Session,
  revision: number,
  stop: AbortSignal,
): Promise<EventReply | undefined> {
  const { floor } = await client.status({ signal: stop });
  if (revision <= floor) return undefined;
  const events = client.events({ after: revision - 1, follow: false, signal: stop });
  for await (const event of events) return event;
  return undefined;
}
