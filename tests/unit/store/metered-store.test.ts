import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../../src/simulation/virtual-clock.ts';
import { MemoryStore } from '../../../src/store/memory/memory-store.ts';
import { meterStore, type TransactionMeasure } from '../../../src/store/metered-store.ts';

describe('a metered store', () => {
  it('does as the store does, and tells of each transaction', async () => {
    const measures: TransactionMeasure[] = [];
    const store = meterStore(new MemoryStore({ collections: ['things'] }), {
      clock: new VirtualClock(),
      onTransaction: (measure) => measures.push(measure),
    });
    const record = { collection: 'things', key: 'a', value: 1 };
    await store.transact({ put: [record, { ...record, key: 'b' }] });
    const compare = [{ collection: 'things', key: 'a', version: 7 }];
    await expect(store.transact({ compare, put: [record] })).rejects.toMatchObject({
      code: 'storage-conflict',
    });
    expect(await store.count('things')).toBe(2);
    expect(store.kind).toBe('memory');
    expect(measures).toEqual([
      { seconds: 0, recordCount: 2, isDurable: true },
      { seconds: 0, recordCount: 1, isDurable: false },
    ]);
    await store.close();
  });
});
