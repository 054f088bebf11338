import { CubeError } from '../errors/cube-error.ts';
import { assert } from '../lib/assert.ts';
import type { Comparison, ListOptions, Put, Transaction } from './store.ts';

/** Records of a page when the caller does not say. */
const LIST_LIMIT_DEFAULT = 1000;

/** Records of a page at most, so that no reply grows without bound. */
const LIST_LIMIT_MAX = 10_000;

/** `ListOptions` with nothing left open. */
export interface ListBounds {
  readonly after: string | undefined;
  readonly limit: number;
  readonly reverse: boolean;
}

/** The same reading of `ListOptions` for every store. */
export function toListBounds(options: ListOptions = {}): ListBounds {
  const { after, limit = LIST_LIMIT_DEFAULT, reverse = false } = options;
  const isLimitAllowed = Number.isInteger(limit) && limit >= 1 && limit <= LIST_LIMIT_MAX;
  assert(isLimitAllowed, `a page has 1 to ${LIST_LIMIT_MAX} records, not ${limit}`);
  return { after, limit, reverse };
}

/**
 * The JSON text of a record: what every store keeps, so that a value read is never the object
 * that was written, and so that all stores agree on what JSON cannot carry.
 */
export function toRecordText(put: Put): string {
  const text: string | undefined = JSON.stringify(put.value);
  assert(text !== undefined, `the value of ${put.collection}/${put.key} is not JSON`);
  return text;
}

/** Stops a transaction that names a collection which the store was not opened with. */
export function assertKnownCollections(
  known: ReadonlySet<string>,
  { compare = [], put = [], remove = [] }: Transaction,
): void {
  for (const list of [compare, put, remove]) {
    for (const { collection } of list) assertKnownCollection(known, collection);
  }
}

/** Stops a call that names a collection which the store was not opened with. */
export function assertKnownCollection(known: ReadonlySet<string>, collection: string): void {
  assert(known.has(collection), `the store has no collection ${JSON.stringify(collection)}`);
}

/** The refusal of a transaction whose compared record has another version, `found`. */
export function conflictError(wanted: Comparison, found: number): CubeError {
  const name = `${wanted.collection}/${wanted.key}`;
  return new CubeError(
    'storage-conflict',
    `The record ${name} has version ${found}, not ${wanted.version}: another writer changed it.`,
    { hint: 'Read the record again and decide anew.' },
  );
}

/** The refusal of every call on a store that was closed. */
export function closedError(): CubeError {
  return new CubeError('storage-closed', 'The store was closed.', {
    hint: 'Open it again to go on.',
  });
}

/** The refusal to copy a store that keeps no file. */
export function noBackupError(): CubeError {
  return new CubeError(
    'unprocessable',
    'This manager keeps its data in memory: there is no file to back up.',
    {
      hint: 'Start it with a persistent store, the default.',
    },
  );
}
