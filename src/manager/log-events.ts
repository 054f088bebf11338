import type { CubeEvent, EventType } from '../event/event.ts';
import type { Logger } from '../lib/logger.ts';

/** What whoever runs a cluster wants to read of in any case; the rest is for who looks closely. */
const NOTABLE: ReadonlySet<EventType> = new Set([
  'task-failed',
  'task-displaced',
  'node-joined',
  'node-came-up',
  'node-became-unreachable',
  'node-went-down',
  'node-drain-requested',
  'node-drain-ended',
]);

/** One line for each event, for who reads the manager's log beside those of workers and clients. */
export function logEvents(logger: Logger, events: readonly CubeEvent[]): void {
  for (const event of events) {
    const { type, revision, taskId, attempt, node, actor, correlationId, reason } = event;
    // What others than users do belongs to no request.
    const requestId = actor === 'user' ? correlationId : undefined;
    const line = { type, revision, taskId, attempt, node, requestId, reason: reason?.code };
    const words = reason?.message ?? 'An event is durable.';
    if (NOTABLE.has(type)) logger.info(line, words);
    else logger.debug(line, words);
  }
}
