import { describe, expect, test } from 'vitest';
import { CubeError } from '../../../src/errors/cube-error.ts';
import { managerCollections, revisionKey } from '../../../src/store/collections.ts';
import { MemoryStore } from '../../../src/store/memory/memory-store.ts';
import type { RecordKey, Store, StoreCopy } from '../../../src/store/store.ts';
import { taskSpecSchema } from '../../../src/task/task-spec.ts';
import { type ServedManager, serveManager } from '../../support/served-manager.ts';

const origin = { requestId: 'test' };

async function withTasks(store: Store, count: number): Promise<ServedManager> {
  const served = await serveManager({ store });
  const spec = taskSpecSchema.parse({ name: 'job', command: 'sleep' });
  for (let task = 0; task < count; task += 1) await served.manager.submit({ spec }, origin);
  return served;
}

function newStore(): MemoryStore {
  return new MemoryStore({ collections: managerCollections });
}

describe('verification', () => {
  test('reads every record, while the manager serves', async () => {
    await using served = await withTasks(newStore(), 3);
    const { epoch, revision, counts } = await served.manager.upkeep.verify();
    expect({ epoch, revision }).toEqual({ epoch: 1, revision: served.manager.status().revision });
    expect(counts).toMatchObject({ events: revision, tasks: 3, nodes: 0 });
  });

  test.each<[string, RecordKey]>([
    ['the events 3 to 3 are missing', { collection: 'events', key: revisionKey(3) }],
    ['the events 1 to 1 are missing', { collection: 'events', key: revisionKey(1) }],
  ])('finds that %s', async (found, record) => {
    const store = newStore();
    await using served = await withTasks(store, 3);
    await store.transact({ remove: [record] });
    await expect(served.manager.upkeep.verify()).rejects.toMatchObject({
      code: 'storage-damaged',
      message: expect.stringContaining(found),
    });
  });

  test('finds a task that a manager could not start from', async () => {
    const store = newStore();
    await using served = await withTasks(store, 1);
    await store.transact({ put: [{ collection: 'tasks', key: 'x', value: { id: 'y' } }] });
    await expect(served.manager.upkeep.verify()).rejects.toMatchObject({ code: 'storage-damaged' });
  });

  test('takes no pruned event for a missing one', async () => {
    const retention = {
      finishedAgeMs: 1,
      finishedCountMax: 1000,
      eventAgeMs: 1000,
      eventCountMax: 1000,
    };
    const store = newStore();
    await using served = await serveManager({ store, retention });
    const spec = taskSpecSchema.parse({ name: 'job', command: 'sleep' });
    for (let task = 0; task < 3; task += 1) await served.manager.submit({ spec }, origin);
    await served.clock.advance(120_000);
    const { floor, revision } = await served.manager.upkeep.verify();
    expect(floor).toBeGreaterThan(0);
    expect(revision).toBe(served.manager.status().revision);
  });
});

describe('backups', () => {
  test('are made one at a time, also while one is fetched', async () => {
    const copy: StoreCopy = {
      sizeBytes: 0,
      read: async function* () {
        yield new Uint8Array();
      },
      [Symbol.asyncDispose]: async () => undefined,
    };
    const store = Object.assign(newStore(), { backUp: async () => copy });
    await using served = await withTasks(store, 1);
    const { upkeep } = served.manager;
    const refusal = { code: 'too-many-requests' };
    {
      await using _first = await upkeep.backUp();
      await expect(upkeep.backUp()).rejects.toMatchObject(refusal);
      await expect(upkeep.verify()).rejects.toMatchObject(refusal);
    }
    await using _second = await upkeep.backUp();
  });

  test('that fail make room for the next', async () => {
    const failing = async (): Promise<StoreCopy> => {
      throw new CubeError('storage-full', 'No room.');
    };
    const store = Object.assign(newStore(), { backUp: failing });
    await using served = await withTasks(store, 1);
    for (let time = 0; time < 2; time += 1) {
      await expect(served.manager.upkeep.backUp()).rejects.toMatchObject({ code: 'storage-full' });
    }
  });
});
