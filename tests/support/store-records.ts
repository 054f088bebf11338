import type { Store, StoredRecord } from '../../src/store/store.ts';

/** A record with the collection that it is in. */
export interface PlacedRecord extends StoredRecord {
  readonly collection: string;
}

/** Every record of these collections, in the order of their keys. */
export async function readRecords(
  store: Store,
  collections: readonly string[],
): Promise<readonly PlacedRecord[]> {
  const records: PlacedRecord[] = [];
  for (const collection of collections) {
    const found = await store.list(collection, { limit: 10_000 });
    records.push(...found.map((record) => ({ collection, ...record })));
  }
  return records;
}
