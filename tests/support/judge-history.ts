import { isDeepStrictEqual } from 'node:util';
import type { CubeClient, SubmissionInput } from '../../src/client/cube-client.ts';
import type { EventReply } from '../../src/client/event-stream.ts';
import type { TaskReply } from '../../src/link/replies.ts';
import { LogWatch } from '../../src/simulation/invariants/log-watch.ts';
import { isSamePlain } from '../../src/simulation/plain.ts';
import { taskSpecSchema } from '../../src/task/task-spec.ts';

export interface Evidence {
  /** What the manager has said yes to. */
  readonly acknowledged?: readonly (SubmissionInput & { readonly id: string })[];
  /** Events that a watcher saw while the run was on. */
  readonly seen?: readonly EventReply[];
  /** What truly started, as `task/attempt`, once for each start. */
  readonly starts?: readonly string[];
}

/**
 * Holds the history of a real run against what must be true of every history: the checks of the
 * simulation over the manager's events, and beside them what clients and the machine have seen.
 * Gives the violations, each with the name of its check. Needs a log that was not pruned.
 */
export async function judgeHistory(
  client: CubeClient,
  evidence: Evidence = {},
): Promise<readonly string[]> {
  const tasks = await Array.fromAsync(client.list());
  const events = await Array.fromAsync(client.events({ follow: false }));
  const log = new LogWatch();
  for (const event of events) {
    const value = JSON.parse(JSON.stringify(event));
    log.onWritten({ put: [{ collection: 'events', key: `${event.revision}`, value }] });
  }
  return [
    ...log.violations,
    ...tasks.flatMap((task) => differsFromFold(task, log)),
    ...lost(tasks, evidence.acknowledged ?? []),
    ...phantoms(events, evidence.seen ?? []),
    ...doubleStarts(log, evidence.starts ?? []),
  ];
}

function differsFromFold(reply: TaskReply, log: LogWatch): readonly string[] {
  // How old the word of a silent node is stands in the reply alone.
  const { observedAt: _, ...task } = reply;
  const folded = log.tasks.get(task.id);
  if (folded === undefined) return [`[state-is-fold] no event speaks of task ${task.id}`];
  // The events were read after the list; what has changed since is not held against it.
  if (folded.revision !== task.revision) return [];
  if (isSamePlain(folded, task)) return [];
  return [`[state-is-fold] task ${task.id} is shown otherwise than its events tell`];
}

function lost(
  tasks: readonly TaskReply[],
  acknowledged: NonNullable<Evidence['acknowledged']>,
): readonly string[] {
  const specs = new Map(tasks.map(({ id, spec }) => [id, spec]));
  return acknowledged.flatMap(({ id, ...spec }) => {
    const kept = specs.get(id);
    if (kept === undefined) return [`[ack-durable] task ${id} was acknowledged and is lost`];
    const isSame = isSamePlain(kept, taskSpecSchema.parse(spec));
    return isSame ? [] : [`[spec-immutable] task ${id} has another spec than was acknowledged`];
  });
}

function phantoms(events: readonly EventReply[], seen: readonly EventReply[]): readonly string[] {
  const kept = new Map(events.map((event) => [event.revision, event]));
  return seen
    .filter((event) => !isDeepStrictEqual(kept.get(event.revision), event))
    .map(
      ({ revision, type }) => `[no-phantom] revision ${revision} (${type}) was seen and is gone`,
    );
}

function doubleStarts(log: LogWatch, starts: readonly string[]): readonly string[] {
  const twice = starts.filter((one, index) => starts.indexOf(one) !== index);
  const unknown = starts.filter((one) => {
    const [taskId = '', attempt] = one.split('/');
    return Number(attempt) > (log.tasks.get(taskId)?.status.attempt ?? 0);
  });
  return [
    ...twice.map((one) => `[one-per-attempt] ${one} was started twice`),
    ...unknown.map((one) => `[no-unknown] ${one} was started, and no event speaks of it`),
  ];
}
