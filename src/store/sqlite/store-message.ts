import type { ErrorCode } from '../../errors/error-codes.ts';
import type { StoreRole } from './data-identity.ts';
import type { Synchronous } from './database.ts';

/** What the store's thread is started with. */
export interface ThreadOptions {
  readonly path: string;
  readonly role: StoreRole;
  readonly collections: readonly string[];
  readonly synchronous: Synchronous;
  /** Whether a large file may be read while its structure is still being checked. */
  readonly readsEarly: boolean;
}

/**
 * Transactions that share a flush, laid out flat: copying two arrays between threads is several
 * times cheaper than copying the objects that they stand for.
 *
 * For each transaction `numbers` has the counts of its comparisons, puts and removals, then for
 * each of these the index of its collection (for a comparison also the version); `texts` has their
 * keys as stored, and for a put the JSON text after its key.
 */
export interface TransactionGroup {
  readonly size: number;
  readonly numbers: readonly number[];
  readonly texts: readonly string[];
}

/** What is asked of the thread. Keys are as stored. */
export type StoreCall =
  | { readonly kind: 'commit'; readonly group: TransactionGroup }
  /** For each record its collection, then its key. */
  | { readonly kind: 'find'; readonly places: readonly string[] }
  | {
      readonly kind: 'list';
      readonly collection: string;
      readonly after: string | undefined;
      readonly limit: number;
      readonly reverse: boolean;
    }
  | { readonly kind: 'scan'; readonly collection: string; readonly afterRow: number }
  | { readonly kind: 'count'; readonly collection: string }
  | { readonly kind: 'size' }
  /** Copies the data file to this path, while other calls are answered. */
  | { readonly kind: 'copy'; readonly path: string }
  | { readonly kind: 'close' };

/** A call as it crosses to the thread. */
export interface StoreRequest {
  readonly id: number;
  readonly call: StoreCall;
}

/** A comparison that failed: the index of its transaction in the group, its own, what was found. */
export interface Conflict {
  readonly transaction: number;
  readonly comparison: number;
  readonly version: number;
}

/** Records laid out flat. */
export interface RecordPage {
  /** For each record its key as stored, then its JSON text. */
  readonly texts: readonly string[];
  readonly versions: readonly number[];
}

/** What came of a search for several records, each with its index among those asked for. */
export interface FoundRecords {
  readonly page: RecordPage;
  /** Where each record of the page was asked for. */
  readonly indexes: readonly number[];
  /** Those that are not what was written. */
  readonly faults: readonly { readonly index: number; readonly fault: StoreFault }[];
}

/** A page of a scan. */
export interface ScanPage extends RecordPage {
  /** The row after which the next page begins; undefined on the last page. */
  readonly last: number | undefined;
}

export interface StoreFault {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string | undefined;
  /** The store must be opened anew. */
  readonly isFatal: boolean;
}

export type StoreAnswer =
  | { readonly kind: 'committed'; readonly conflicts: readonly Conflict[] }
  | { readonly kind: 'records'; readonly page: RecordPage }
  | { readonly kind: 'found'; readonly found: FoundRecords }
  | { readonly kind: 'scanned'; readonly page: ScanPage }
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'copied' }
  | { readonly kind: 'closed' }
  | { readonly kind: 'failed'; readonly fault: StoreFault };

/** What crosses back from the thread. */
export type StoreMessage =
  | { readonly kind: 'opened' }
  | { readonly kind: 'refused'; readonly fault: StoreFault }
  /** Whether new work should wait, whenever that changes. */
  | { readonly kind: 'room'; readonly shortage: StoreFault | undefined }
  | { readonly kind: 'warning'; readonly message: string; readonly fields: object }
  /** The first records of a long list, whose last ones come as its answer. */
  | { readonly kind: 'part'; readonly id: number; readonly page: RecordPage }
  | { readonly kind: 'answer'; readonly id: number; readonly answer: StoreAnswer };
