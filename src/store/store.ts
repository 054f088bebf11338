import type { CubeError } from '../errors/cube-error.ts';

/**
 * The port behind which Cube keeps everything that must outlive a process.
 *
 * A store is a set of named collections of records; a record is a JSON value under a key, with a
 * version that counts its writes. Records of several collections change together in one
 * transaction, which may first compare versions, so that a writer whose time is over cannot write.
 * The shape is the one that embedded databases and etcd have in common. Only the repositories in
 * this folder speak to a store; `collections.ts` draws the key space.
 */
export interface Store {
  /** The word by which users choose it. */
  readonly kind: StoreKind;

  /**
   * Makes all changes of `transaction`, or none.
   *
   * When the promise resolves, the changes survive a power cut (the memory store, by its nature,
   * keeps them as long as the process lives). Transactions become durable in the order of their
   * calls: if one is kept after a crash, so is every one called before it. Calls may overlap;
   * those that wait share one flush.
   *
   * @throws CubeError `storage-conflict`, when a compared version differs; nothing is changed.
   * @throws CubeError `storage-full`, when the disk is full; nothing is changed, and the store
   *   takes the next transaction once there is room.
   * @throws CubeError `storage-failed`, when the disk failed; whether the change was kept is
   *   unknown, and every later call fails until the store is opened anew.
   * @throws CubeError `storage-closed`, after `close`.
   */
  transact(transaction: Transaction): Promise<void>;

  /** The record under `key`, as of the transactions that are durable. */
  find(collection: string, key: string): Promise<StoredRecord | undefined>;

  /**
   * Up to `limit` records in the order of their keys (by code unit), beginning after key `after`.
   * Read page by page, a list may see transactions that become durable meanwhile.
   *
   * @throws CubeError `storage-damaged`, when a record is not what was written; it names the
   *   record. A damaged record is never left out silently.
   */
  list(collection: string, options?: ListOptions): Promise<readonly StoredRecord[]>;

  /**
   * Every record of the collection, page by page and in no certain order: the fastest way to read
   * all of it. What becomes durable meanwhile may be in it or not.
   *
   * @throws CubeError `storage-damaged`, as `list` does.
   */
  scan(collection: string): AsyncIterable<readonly RecordText[]>;

  /** How many records the collection has. Takes the same time however many there are. */
  count(collection: string): Promise<number>;

  /** What the store takes on its medium, in bytes; 0 for memory. */
  sizeBytes(): Promise<number>;

  /**
   * Why only what must be recorded should be written now, as of the latest look; undefined while
   * there is room. A store on a disk keeps a reserve for the rest, which whoever adds new work
   * must leave alone: it asks here first. A `storage-full` that names place and bytes.
   */
  readonly shortage: CubeError | undefined;

  /**
   * Whether the room is looked at while nothing is written. Where it is not, only the next
   * transaction that succeeds shows that a store that was full has room again.
   */
  readonly watchesRoom: boolean;

  /**
   * A sealed and verified copy of all records as they were at one moment after this call, taken
   * while the store serves. Only a store that keeps a file can.
   *
   * @throws CubeError `unprocessable`, when this store keeps none; `storage-full`, when there is
   *   no room for the copy beside the data; `storage-damaged`, when a record is not what was
   *   written; `unavailable`, when the store is closed meanwhile.
   */
  backUp(): Promise<StoreCopy>;

  /** Waits for the transactions already called, then lets go of the file. May be called again. */
  close(): Promise<void>;
}

/** A copy of a store, which is removed when it is disposed of. */
export interface StoreCopy extends AsyncDisposable {
  readonly sizeBytes: number;
  /** Its bytes, from the first on. */
  read(): AsyncIterable<Uint8Array>;
}

export const storeKinds = ['memory', 'persistent'] as const;

export type StoreKind = (typeof storeKinds)[number];

/** Anything that JSON can carry. */
export type Json =
  | string
  | number
  | boolean
  | null
  | readonly Json[]
  | { readonly [key: string]: Json | undefined };

export interface StoredRecord {
  readonly key: string;
  readonly value: Json;
  /** How often the record has been written since it came to be; the first write makes it 1. */
  readonly version: number;
}

/** A record whose value is left as JSON text, so that its reader says how it is parsed. */
export interface RecordText {
  readonly key: string;
  readonly text: string;
  readonly version: number;
}

export interface ListOptions {
  /** Begin after this key. Default: from the first. */
  readonly after?: string;
  /** At most this many records. Default 1,000, at most 10,000. */
  readonly limit?: number;
  /** From the last key to the first; `after` is then an upper bound. Default false. */
  readonly reverse?: boolean;
}

/** Comparisons see what was there before; then come the puts in their order, then the removals. */
export interface Transaction {
  /** What must hold for the transaction to be made. */
  readonly compare?: readonly Comparison[];
  readonly put?: readonly Put[];
  /** Records to remove; those that are not there are passed over. */
  readonly remove?: readonly RecordKey[];
}

export interface RecordKey {
  readonly collection: string;
  readonly key: string;
}

export interface Comparison extends RecordKey {
  /** The version that the record must have; 0 if it must not be there. */
  readonly version: number;
}

export interface Put extends RecordKey {
  readonly value: Json;
}
