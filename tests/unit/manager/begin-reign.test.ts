import { describe, expect, it } from 'vitest';
import type { CubeEvent } from '../../../src/event/event.ts';
import { foldTask } from '../../../src/event/fold.ts';
import { beginReign } from '../../../src/manager/begin-reign.ts';
import { SeededRandom } from '../../../src/simulation/seeded-random.ts';
import { VirtualClock } from '../../../src/simulation/virtual-clock.ts';
import { ManagerRepository } from '../../../src/store/manager-repository.ts';
import { MemoryStore } from '../../../src/store/memory/memory-store.ts';
import type { Store } from '../../../src/store/store.ts';
import { taskId } from '../../support/cluster.ts';
import { submission } from '../../support/manager-parts.ts';

const sources = { clock: new VirtualClock(), random: new SeededRandom(1) };

/** Writes the first event of a task, as a manager that still reigns. */
async function submit(repository: ManagerRepository, revision: number): Promise<void> {
  const event: CubeEvent = {
    ...submission(revision),
    revision,
    id: taskId(revision),
    time: '2030-01-01T00:00:00.000Z',
  };
  const task = foldTask(undefined, event);
  const tasks = task === undefined ? [] : [task];
  await repository.save({ events: [event], tasks, nodes: [], removedTaskIds: [] });
}

/** A store in which `act` happens once, just after the newest event has been looked for. */
function withInterruption(store: Store, act: () => Promise<void>): Store {
  let isDone = false;
  return {
    kind: store.kind,
    shortage: undefined,
    watchesRoom: false,
    transact: (transaction) => store.transact(transaction),
    find: (collection, key) => store.find(collection, key),
    list: async (collection, options) => {
      const records = await store.list(collection, options);
      if (collection !== 'events' || isDone) return records;
      isDone = true;
      await act();
      return records;
    },
    scan: (collection) => store.scan(collection),
    count: (collection) => store.count(collection),
    sizeBytes: () => store.sizeBytes(),
    backUp: () => store.backUp(),
    close: () => store.close(),
  };
}

describe('a manager that begins its reign while another one still writes', () => {
  it('takes over the last write of the other, which then can write no more', async () => {
    const store = new MemoryStore();
    const older = new ManagerRepository(store);
    await beginReign(older, sources);
    const interrupted = withInterruption(store, () => submit(older, 2));
    const { reign, stored } = await beginReign(new ManagerRepository(interrupted), sources);
    expect(reign.epoch).toBe(2);
    expect(stored.revision).toBe(3);
    expect(stored.tasks.map(({ id }) => id)).toEqual([taskId(2)]);
    const events = await older.events(0, 10);
    expect(events.map(({ type }) => type)).toEqual([
      'manager-started',
      'task-submitted',
      'manager-started',
    ]);
    await expect(submit(older, 4)).rejects.toMatchObject({ code: 'storage-conflict' });
  });
});
