import type { CubeEvent } from '../event/event.ts';
import { assert } from '../lib/assert.ts';
import { type Clock, timestamp } from '../lib/clock.ts';
import type { Random } from '../lib/random.ts';
import type { ManagerRepository, Reign, StoredManagerState } from '../store/manager-repository.ts';

/**
 * Reads the state and makes the next epoch durable, before any message is sent in it. From then
 * on a manager of an earlier epoch can no longer write, and workers refuse its orders.
 */
export async function beginReign(
  repository: ManagerRepository,
  sources: { readonly clock: Clock; readonly random: Random },
): Promise<{ readonly reign: Reign; readonly stored: StoredManagerState }> {
  const stored = await repository.load();
  for (const { revision, id } of stored.tasks) {
    assert(revision <= stored.revision, `the log reaches the revision of task ${id}`);
  }
  const reign: Reign = {
    cluster: stored.reign?.cluster ?? sources.random.uuid(),
    epoch: (stored.reign?.epoch ?? 0) + 1,
  };
  const event: CubeEvent = {
    revision: stored.revision + 1,
    id: sources.random.uuid(),
    time: timestamp(sources.clock),
    type: 'manager-started',
    epoch: reign.epoch,
    cause: 'start',
    correlationId: `epoch ${reign.epoch}`,
    actor: 'manager',
  };
  await repository.beginReign(reign, { events: [event], tasks: [], nodes: [], removedTaskIds: [] });
  return { reign, stored: { ...stored, reign, revision: event.revision } };
}
