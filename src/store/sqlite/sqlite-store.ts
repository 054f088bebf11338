import type { CubeError } from '../../errors/cube-error.ts';
import { assert } from '../../lib/assert.ts';
import { type Logger, noopLogger } from '../../lib/logger.ts';
import type {
  ListOptions,
  RecordText,
  Store,
  StoreCopy,
  StoredRecord,
  Transaction,
} from '../store.ts';
import { assertKnownCollection, closedError, conflictError, toListBounds } from '../store-rules.ts';
import type { StoreRole } from './data-identity.ts';
import type { Synchronous } from './database.ts';
import { decodeRecords, toRecordTexts } from './decode-records.ts';
import { GroupWriter } from './group-writer.ts';
import { toKeyText } from './key-text.ts';
import { RecordFinder } from './record-finder.ts';
import type { Conflict, ScanPage, StoreAnswer } from './store-message.ts';
import { takeBackup } from './take-backup.ts';
import { ThreadLink } from './thread-link.ts';

export interface SqliteStoreOptions {
  /** The data file. Its directory is made if it is not there. */
  readonly path: string;
  /** Whose data it holds; a file of the other role is refused. */
  readonly role: StoreRole;
  readonly collections: readonly string[];
  /**
   * Whether a large file may be read while its structure is still being checked. The first change
   * waits for the verdict; a file that is damaged refuses it, and all that follows, with
   * `storage-damaged`. Default false: a damaged file is not opened.
   */
  readonly readsEarly?: boolean;
  /** Default: says nothing. */
  readonly logger?: Logger;
}

/** A scan begins after this row: SQLite may number rows from any number on. */
const FIRST_ROW = Number.MIN_SAFE_INTEGER;

/** Transactions that share a flush at most, so that no flush takes for ever. */
const GROUP_SIZE_MAX = 4096;

/**
 * Opens the data file, or makes it where there never was one. A file that is refused is left as
 * it is.
 *
 * @throws CubeError `storage-locked`, when another process (or this one) has it open;
 *   `storage-foreign`, `storage-newer`, `storage-damaged`, when it is not a sound data file of
 *   this kind; `storage-full`, `storage-failed`, when the disk does not do its part;
 *   `configuration`, when it lies on a network file system.
 */
export function openSqliteStore(options: SqliteStoreOptions): Promise<SqliteStore> {
  return openSqliteStoreWith(options, 'FULL');
}

/** For the control of the durability tests, which must fail without flushes. */
export function openSqliteStoreWith(
  options: SqliteStoreOptions,
  synchronous: Synchronous,
): Promise<SqliteStore> {
  return SqliteStore.open(options, synchronous);
}

/** A store in a SQLite database, which a thread of its own reads and writes. */
export class SqliteStore implements Store {
  readonly kind = 'persistent';
  readonly #link: ThreadLink;
  readonly #finder: RecordFinder;
  readonly #collections: readonly string[];
  readonly #names: ReadonlySet<string>;
  /** What waits for a flush, in the order of the calls; never more than the last is not full. */
  readonly #waiting: WaitingGroup[] = [];
  /** Settles when nothing waits any more; undefined while nothing does. */
  #flushing: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  private constructor(link: ThreadLink, collections: readonly string[]) {
    this.#link = link;
    this.#finder = new RecordFinder(link);
    this.#collections = collections;
    this.#names = new Set(collections);
  }

  /** See `openSqliteStore`. */
  static async open(options: SqliteStoreOptions, synchronous: Synchronous): Promise<SqliteStore> {
    const { path, role, collections, readsEarly = false, logger = noopLogger } = options;
    const link = await ThreadLink.start(
      { path, role, collections, synchronous, readsEarly },
      logger,
    );
    return new SqliteStore(link, collections);
  }

  async transact(transaction: Transaction): Promise<void> {
    this.#assertUsable();
    await new Promise<void>((resolve, reject) => {
      const group = this.#openGroup();
      group.writer.add(transaction);
      group.callers.push({ transaction, resolve, reject });
      this.#flushing ??= this.#flush();
    });
  }

  async find(collection: string, key: string): Promise<StoredRecord | undefined> {
    this.#assertUsable();
    assertKnownCollection(this.#names, collection);
    return await this.#finder.find(collection, toKeyText(key));
  }

  async list(collection: string, options?: ListOptions): Promise<readonly StoredRecord[]> {
    this.#assertUsable();
    assertKnownCollection(this.#names, collection);
    const { limit, reverse, ...bounds } = toListBounds(options);
    const after = bounds.after === undefined ? undefined : toKeyText(bounds.after);
    const parts: (readonly StoredRecord[])[] = [];
    const answer = await this.#link.call(
      { kind: 'list', collection, after, limit, reverse },
      (page) => parts.push(decodeRecords(page)),
    );
    assert(answer.kind === 'records', 'records are asked for and come');
    return [...parts, decodeRecords(answer.page)].flat();
  }

  async *scan(collection: string): AsyncGenerator<readonly RecordText[]> {
    const read = (afterRow: number): Promise<ScanPage> => {
      this.#assertUsable();
      assertKnownCollection(this.#names, collection);
      return this.#link.call({ kind: 'scan', collection, afterRow }).then(toScanPage);
    };
    let page = await read(FIRST_ROW);
    while (page.last !== undefined) {
      const next = read(page.last);
      // It is asked for before anybody waits for it.
      next.catch(() => undefined);
      yield toRecordTexts(page);
      page = await next;
    }
    yield toRecordTexts(page);
  }

  async count(collection: string): Promise<number> {
    this.#assertUsable();
    assertKnownCollection(this.#names, collection);
    return toNumber(await this.#link.call({ kind: 'count', collection }));
  }

  async sizeBytes(): Promise<number> {
    this.#assertUsable();
    return toNumber(await this.#link.call({ kind: 'size' }));
  }

  async backUp(): Promise<StoreCopy> {
    this.#assertUsable();
    return await takeBackup(this.#link.path, async (path) => {
      await this.#link.call({ kind: 'copy', path });
    });
  }

  readonly watchesRoom = true;

  get shortage(): CubeError | undefined {
    return this.#link.shortage;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#finder.ask();
    await this.#flushing;
    await this.#link.close();
  }

  #assertUsable(): void {
    if (this.#closing !== undefined) throw closedError();
    if (this.#link.fault !== undefined) throw this.#link.fault;
  }

  #openGroup(): WaitingGroup {
    const last = this.#waiting.at(-1);
    if (last !== undefined && last.callers.length < GROUP_SIZE_MAX) return last;
    const group: WaitingGroup = { writer: new GroupWriter(this.#collections), callers: [] };
    this.#waiting.push(group);
    return group;
  }

  /** Sends what waits; while it is under way, the next group forms. */
  async #flush(): Promise<void> {
    // Calls of one burst go together, and so do those that follow at once on an answer.
    await allMicrotasks();
    for (let group = this.#waiting.shift(); group !== undefined; group = this.#waiting.shift()) {
      await this.#flushGroup(group);
      await allMicrotasks();
    }
    this.#flushing = undefined;
  }

  async #flushGroup({ writer, callers }: WaitingGroup): Promise<void> {
    try {
      const answer = await this.#link.call({ kind: 'commit', group: writer.take() });
      assert(answer.kind === 'committed', 'a group is committed or fails');
      settle(callers, answer.conflicts);
    } catch (error) {
      // What was called meanwhile fails too: no later change may be kept where an earlier is not.
      const later = this.#waiting.splice(0).flatMap((group) => group.callers);
      for (const caller of [...callers, ...later]) caller.reject(error);
    }
  }
}

/** Resolves when whatever can go on now has gone on: a tick asked for by a microtask comes last. */
async function allMicrotasks(): Promise<void> {
  await null;
  await new Promise<void>((resolve) => process.nextTick(resolve));
}

interface WaitingGroup {
  readonly writer: GroupWriter;
  readonly callers: Caller[];
}

interface Caller {
  readonly transaction: Transaction;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

function settle(callers: readonly Caller[], conflicts: readonly Conflict[]): void {
  for (const { transaction, comparison, version } of conflicts) {
    const caller = callers[transaction];
    const wanted = caller?.transaction.compare?.[comparison];
    assert(caller !== undefined && wanted !== undefined, 'a conflict is one of this group');
    caller.reject(conflictError(wanted, version));
  }
  // A promise that was rejected stays so.
  for (const caller of callers) caller.resolve();
}

function toScanPage(answer: StoreAnswer): ScanPage {
  assert(answer.kind === 'scanned', 'a page of a scan is asked for and comes');
  return answer.page;
}

function toNumber(answer: StoreAnswer): number {
  assert(answer.kind === 'number', 'a number is asked for and comes');
  return answer.value;
}
