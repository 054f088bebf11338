import { describe, expect, it } from 'vitest';
import { SimulatedCluster } from '../../../src/simulation/cluster/simulated-cluster.ts';
import { revisionKey } from '../../../src/store/collections.ts';
import type { Json, Store } from '../../../src/store/store.ts';
import { taskId } from '../../support/cluster.ts';

/** The store of a manager that had one running task, one waiting task and one node. */
async function usedCluster(): Promise<SimulatedCluster> {
  const cluster = new SimulatedCluster();
  await cluster.startManager();
  cluster.addMachine('n1');
  await cluster.startWorker('n1');
  await cluster.clock.advance(1000);
  await cluster.submit({ name: 'server', command: 'serve' }, taskId(1));
  await cluster.submit({ name: 'big', command: 'serve', cpu: 64 }, taskId(2));
  await cluster.clock.advance(1000);
  cluster.killManager();
  return cluster;
}

type Fields = { readonly [field: string]: Json };

/** Overwrites fields of a record; those of `status` one by one. */
async function rewrite(store: Store, place: string, fields: Fields): Promise<void> {
  const [collection = '', key = ''] = place.split('/');
  const found = await store.find(collection, key);
  const value = { ...Object(found?.value) };
  const { status, ...others } = fields;
  Object.assign(value, others);
  if (status !== undefined) value.status = { ...value.status, ...Object(status) };
  await store.transact({ put: [{ collection, key, value }] });
}

const running = `tasks/${taskId(1)}`;

const rows: readonly (readonly [string, Fields, string, string])[] = [
  [running, { id: taskId(9) }, 'id', `"${taskId(1)}"`],
  [running, { spec: null }, 'spec', 'a spec'],
  [running, { spec: {} }, 'spec', 'a spec'],
  [running, { status: { state: 'sleeping' } }, 'status.state', 'one of pending, scheduled'],
  [running, { status: { desired: 'maybe' } }, 'status.desired', 'one of running, stopped'],
  [running, { status: { attempt: '1' } }, 'status.attempt', 'a whole number'],
  [running, { status: { attempt: 0 } }, 'status.attempt', 'at least 1 once placed'],
  [running, { status: { node: 'ghost' } }, 'status.node', 'a node that there is'],
  [running, { createdRevision: 'first' }, 'createdRevision', 'a revision'],
  ['nodes/n1', { name: 'n2' }, 'name', '"n1"'],
  ['nodes/n1', { capacity: null }, 'address', 'with a capacity beside it'],
];

describe('a manager whose records do not fit together', () => {
  it.each(rows)('does not start on %s with %j', async (place, fields, field, want) => {
    await using cluster = await usedCluster();
    await rewrite(cluster.managerStore, place, fields);
    const before = await cluster.managerStore.find('meta', 'reign');
    await expect(cluster.startManager()).rejects.toMatchObject({
      code: 'storage-damaged',
      issues: [{ field: `${place} ${field}`, want: expect.stringContaining(want) }],
      hint: expect.stringContaining('Nothing was changed.'),
    });
    expect(await cluster.managerStore.find('meta', 'reign')).toEqual(before);
  });

  it('names each of them, and a log with a gap', async () => {
    await using cluster = await usedCluster();
    const { managerStore: store } = cluster;
    await rewrite(store, running, { status: { state: 'sleeping' } });
    await rewrite(store, `tasks/${taskId(2)}`, { status: { state: 'dreaming' } });
    await store.transact({ remove: [{ collection: 'events', key: revisionKey(3) }] });
    await expect(cluster.startManager()).rejects.toMatchObject({
      message: expect.stringContaining('(and 2 more)'),
      issues: [
        { field: 'events', want: expect.stringContaining('without a gap, from 1 to') },
        { field: `${running} status.state`, got: '"sleeping"' },
        { field: `tasks/${taskId(2)} status.state`, got: '"dreaming"' },
      ],
    });
  });

  it('does not start on a newest event that says to be another', async () => {
    await using cluster = await usedCluster();
    const [newest] = await cluster.managerStore.list('events', { reverse: true, limit: 1 });
    await rewrite(cluster.managerStore, `events/${newest?.key}`, { revision: 1 });
    await expect(cluster.startManager()).rejects.toMatchObject({
      issues: [{ field: `events/${newest?.key} revision`, got: '1' }],
    });
  });

  it('starts once they are as they were', async () => {
    await using cluster = await usedCluster();
    await rewrite(cluster.managerStore, running, { status: { node: 'ghost' } });
    await expect(cluster.startManager()).rejects.toThrow('do not fit together');
    await rewrite(cluster.managerStore, running, { status: { node: 'n1' } });
    await cluster.startManager();
    await cluster.clock.advance(1000);
    expect((await cluster.task(taskId(1))).status).toMatchObject({ state: 'running', attempt: 1 });
  });
});

describe('a worker whose record is not what it writes', () => {
  it.each([
    ['an attempt without an observation', { observation: null }],
    ['a phase that there is not', { observation: { phase: 'dancing' } }],
    ['an unknown wish', { desired: 'maybe' }],
  ])('does not act on it: %s', async (_, fields) => {
    await using cluster = await usedCluster();
    cluster.killWorker('n1');
    const store = cluster.machines.get('n1')?.store;
    const [record] = (await store?.list('attempts', { limit: 1 })) ?? [];
    if (store === undefined || record === undefined) throw new Error('There is an attempt.');
    const value = { ...Object(record.value), ...fields };
    await store.transact({ put: [{ collection: 'attempts', key: record.key, value }] });
    await expect(cluster.startWorker('n1')).rejects.toMatchObject({
      code: 'storage-damaged',
      message: expect.stringContaining(record.key),
    });
    expect(cluster.running()).toHaveLength(1);
  });
});
