import { assert } from '../../lib/assert.ts';
import { managerCollections, workerCollections } from '../collections.ts';
import type {
  Json,
  ListOptions,
  RecordText,
  Store,
  StoreCopy,
  StoredRecord,
  Transaction,
} from '../store.ts';
import {
  assertKnownCollection,
  assertKnownCollections,
  closedError,
  conflictError,
  noBackupError,
  toListBounds,
  toRecordText,
} from '../store-rules.ts';
import { SortedKeys } from './sorted-keys.ts';

export interface MemoryStoreOptions {
  /** The collections it has. Default: those of manager and worker. */
  readonly collections?: readonly string[];
}

/**
 * A store that lives as long as its process, for trying things out and for tests. It keeps JSON
 * text, as the persistent store does, so that nothing a caller holds is what the store holds.
 */
export class MemoryStore implements Store {
  readonly kind = 'memory';
  readonly shortage = undefined;
  readonly watchesRoom = false;
  readonly #collections: ReadonlyMap<string, Collection>;
  readonly #names: ReadonlySet<string>;
  #isClosed = false;

  constructor(options: MemoryStoreOptions = {}) {
    const names = options.collections ?? [...managerCollections, ...workerCollections];
    this.#names = new Set(names);
    this.#collections = new Map(
      names.map((name) => [name, { records: new Map(), keys: new SortedKeys() }]),
    );
  }

  async transact(transaction: Transaction): Promise<void> {
    this.#assertOpen();
    assertKnownCollections(this.#names, transaction);
    const { compare = [], put = [], remove = [] } = transaction;
    // All that can fail comes before the first change.
    const texts = put.map((one) => ({ ...one, text: toRecordText(one) }));
    for (const { collection, key, version } of compare) {
      const found = this.#collection(collection).records.get(key)?.version ?? 0;
      if (found !== version) throw conflictError({ collection, key, version }, found);
    }
    for (const { collection, key, text } of texts) {
      const { records, keys } = this.#collection(collection);
      const version = records.get(key)?.version ?? 0;
      if (version === 0) keys.add(key);
      records.set(key, { text, version: version + 1 });
    }
    for (const { collection, key } of remove) {
      const { records, keys } = this.#collection(collection);
      if (records.delete(key)) keys.remove(key);
    }
  }

  async find(collection: string, key: string): Promise<StoredRecord | undefined> {
    this.#assertOpen();
    return toStoredRecord(key, this.#collection(collection).records.get(key));
  }

  async list(collection: string, options?: ListOptions): Promise<readonly StoredRecord[]> {
    this.#assertOpen();
    const { after, limit, reverse } = toListBounds(options);
    const { records, keys } = this.#collection(collection);
    return keys
      .page(after, limit, reverse)
      .map((key) => toStoredRecord(key, records.get(key)))
      .filter((record) => record !== undefined);
  }

  async *scan(collection: string): AsyncGenerator<readonly RecordText[]> {
    this.#assertOpen();
    const { records } = this.#collection(collection);
    yield Array.from(records, ([key, record]) => ({ key, ...record }));
  }

  async count(collection: string): Promise<number> {
    this.#assertOpen();
    return this.#collection(collection).records.size;
  }

  async sizeBytes(): Promise<number> {
    this.#assertOpen();
    return 0;
  }

  async backUp(): Promise<StoreCopy> {
    this.#assertOpen();
    throw noBackupError();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
  }

  #assertOpen(): void {
    if (this.#isClosed) throw closedError();
  }

  #collection(name: string): Collection {
    assertKnownCollection(this.#names, name);
    const collection = this.#collections.get(name);
    assert(collection !== undefined, `collection ${name} was made at the start`);
    return collection;
  }
}

interface Collection {
  readonly records: Map<string, KeptRecord>;
  readonly keys: SortedKeys;
}

type KeptRecord = Omit<RecordText, 'key'>;

function toStoredRecord(key: string, record: KeptRecord | undefined): StoredRecord | undefined {
  if (record === undefined) return undefined;
  const value: Json = JSON.parse(record.text);
  return { key, value, version: record.version };
}
