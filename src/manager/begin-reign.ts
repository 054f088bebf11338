import { CubeError, isCubeError } from '../errors/cube-error.ts';
import type { CubeEvent } from '../event/event.ts';
import { assert } from '../lib/assert.ts';
import { type Clock, timestamp } from '../lib/clock.ts';
import type { Random } from '../lib/random.ts';
import type { ManagerRepository, Reign, StoredManagerState } from '../store/manager-repository.ts';

/** Tries, at most, while another manager goes on writing. */
const TRIES_MAX = 10;

/**
 * Reads the state and makes the next epoch durable, before any message is sent in it. From then
 * on a manager of an earlier epoch can no longer write, and workers refuse its orders.
 */
export async function beginReign(
  repository: ManagerRepository,
  sources: { readonly clock: Clock; readonly random: Random },
): Promise<{ readonly reign: Reign; readonly stored: StoredManagerState }> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await tryToBegin(repository, sources);
    } catch (error) {
      // Another manager has written in between: what was read is not the latest.
      if (!isCubeError(error, 'storage-conflict') || tries === TRIES_MAX) throw error;
    }
  }
}

async function tryToBegin(
  repository: ManagerRepository,
  sources: { readonly clock: Clock; readonly random: Random },
): Promise<{ readonly reign: Reign; readonly stored: StoredManagerState }> {
  const stored = await repository.load();
  for (const { revision, id } of stored.tasks) {
    if (revision <= stored.revision) continue;
    const isWritten = (await repository.findEvent(revision)) !== undefined;
    assert(isWritten, `the log reaches the revision of task ${id}`);
    throw new CubeError('storage-conflict', `Another manager has written revision ${revision}.`);
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
