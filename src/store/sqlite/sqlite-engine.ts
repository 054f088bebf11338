import { statSync } from 'node:fs';
import { backup, type DatabaseSync, type StatementSync } from 'node:sqlite';
import { assert } from '../../lib/assert.ts';
import { CollectionTable, type PageQuery } from './collection-table.ts';
import { createCountsWriter, LOG_BYTES_MAX } from './database.ts';
import { GroupReader } from './group-reader.ts';
import type { ChecksummedRecord } from './record-checksum.ts';
import { isPutOff } from './storage-error.ts';
import type { Conflict, RecordPage, ScanPage, TransactionGroup } from './store-message.ts';
import { FRAME_HEADER_BYTES, LOG_HEADER_BYTES } from './write-ahead-log.ts';

/** Pages copied in one step, which holds up a commit for less than a flush does. */
const COPY_STEP_PAGES = 100;

/** So few that a page is parsed and forgotten before it has aged, so many that calls cost little. */
const SCAN_PAGE = 1000;

/** What the engine works on. */
export interface OpenFile {
  readonly path: string;
  readonly database: DatabaseSync;
  /** How many records each collection has; the engine keeps it true. */
  readonly counts: Map<string, number>;
}

/** Reads and writes an open data file. Every method is synchronous; it lives in a thread alone. */
export class SqliteEngine {
  readonly #file: OpenFile;
  readonly #collections: readonly string[];
  readonly #tables: ReadonlyMap<string, CollectionTable>;
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  readonly #rollback: StatementSync;
  readonly #logPages: StatementSync;
  readonly #writeCounts: (counts: ReadonlyMap<string, number>) => void;
  readonly #pageSize: number;
  readonly #logPagesMax: number;

  constructor(file: OpenFile, collections: readonly string[]) {
    const { database, path } = file;
    this.#file = file;
    this.#collections = collections;
    this.#tables = new Map(
      collections.map((name) => [name, new CollectionTable(database, path, name)]),
    );
    this.#begin = database.prepare('BEGIN IMMEDIATE');
    this.#commit = database.prepare('COMMIT');
    this.#rollback = database.prepare('ROLLBACK');
    this.#logPages = database.prepare('PRAGMA wal_checkpoint(NOOP)');
    this.#writeCounts = createCountsWriter(database);
    this.#pageSize = Number(database.prepare('PRAGMA page_size').get()?.['page_size']);
    this.#logPagesMax = Math.floor(LOG_BYTES_MAX / this.#pageSize);
  }

  /**
   * Makes all transactions of a group durable with one flush, but for those whose comparison
   * fails, which are named in what is returned. If it throws, none is made.
   */
  commit(group: TransactionGroup): readonly Conflict[] {
    const conflicts: Conflict[] = [];
    const counts = new Map(this.#file.counts);
    this.#begin.run();
    try {
      const reader = new GroupReader(group, this.#collections);
      let hasCountChanged = false;
      for (let index = 0; index < group.size; index += 1) {
        reader.nextTransaction();
        const conflict = this.#compare(reader, index);
        if (conflict !== undefined) conflicts.push(conflict);
        const isChanged = this.#apply(reader, conflict === undefined, counts);
        hasCountChanged ||= isChanged;
      }
      if (hasCountChanged) this.#writeCounts(counts);
      this.#commit.run();
    } catch (error) {
      // Some errors roll back by themselves.
      if (this.#file.database.isTransaction) this.#rollback.run();
      throw error;
    }
    for (const [name, count] of counts) this.#file.counts.set(name, count);
    return conflicts;
  }

  /** @throws CubeError `storage-damaged` */
  find(collection: string, keyText: string): ChecksummedRecord | undefined {
    return this.#table(collection).find(keyText);
  }

  /** @throws CubeError `storage-damaged` */
  list(collection: string, query: PageQuery): RecordPage {
    return this.#table(collection).page(query);
  }

  /** @throws CubeError `storage-damaged` */
  scan(collection: string, afterRow: number): ScanPage {
    return this.#table(collection).scan(afterRow, SCAN_PAGE);
  }

  count(collection: string): number {
    return this.#file.counts.get(collection) ?? 0;
  }

  /** Whether the log has grown so much that it must be moved into the file now. */
  isLogLong(): boolean {
    return Number(this.#logPages.get()?.['log']) >= this.#logPagesMax;
  }

  /** What the log holds that has to stay there, in bytes; the next change is written after it. */
  logUsedBytes(): number {
    const row = this.#logPages.get();
    const pageCount = Number(row?.['log']);
    // Once all of it is in the data file, the log is written over from its beginning.
    if (pageCount === Number(row?.['checkpointed'])) return 0;
    return LOG_HEADER_BYTES + pageCount * (FRAME_HEADER_BYTES + this.#pageSize);
  }

  /** Moves what the log holds into the data file. The log keeps its size, and is written over. */
  checkpoint(): void {
    this.#file.database.exec('PRAGMA wal_checkpoint(PASSIVE)');
  }

  /**
   * Copies the data file to `path`, in steps between which everything else goes on.
   *
   * A step is made in another thread, and SQLite puts it off when it comes in the middle of a
   * transaction. Node then tries again, except at the first step, where it gives up.
   *
   * @param onStep called after each step; the copying ends with what it throws.
   */
  async copy(path: string, onStep: () => void): Promise<void> {
    for (;;) {
      try {
        await backup(this.#file.database, path, { rate: COPY_STEP_PAGES, progress: onStep });
        return;
      } catch (error) {
        if (!isPutOff(error)) throw error;
        onStep();
      }
    }
  }

  /** What data file and log take, in bytes. */
  sizeBytes(): number {
    return bytesOf(this.#file.path);
  }

  /** All comparisons are read, also after the first that fails: the reader must go on. */
  #compare(reader: GroupReader, transaction: number): Conflict | undefined {
    let conflict: Conflict | undefined;
    for (let comparison = 0; comparison < reader.compareCount; comparison += 1) {
      const { collection, keyText, version } = reader.nextComparison();
      if (conflict !== undefined) continue;
      const found = this.#table(collection).find(keyText)?.version ?? 0;
      if (found !== version) conflict = { transaction, comparison, version: found };
    }
    return conflict;
  }

  /** Says whether a count changed. */
  #apply(reader: GroupReader, isWanted: boolean, counts: Map<string, number>): boolean {
    let hasChanged = false;
    const step = (collection: string, by: number): void => {
      counts.set(collection, (counts.get(collection) ?? 0) + by);
      hasChanged = true;
    };
    for (let index = 0; index < reader.putCount; index += 1) {
      const { collection, keyText, text } = reader.nextPut();
      if (isWanted && this.#table(collection).put(keyText, text)) step(collection, 1);
    }
    for (let index = 0; index < reader.removeCount; index += 1) {
      const { collection, keyText } = reader.nextRemoval();
      if (isWanted && this.#table(collection).remove(keyText)) step(collection, -1);
    }
    return hasChanged;
  }

  #table(collection: string): CollectionTable {
    const table = this.#tables.get(collection);
    assert(table !== undefined, `the store has no collection ${collection}`);
    return table;
  }
}

/** What a data file and its log take, in bytes. */
export function bytesOf(path: string): number {
  const log = statSync(`${path}-wal`, { throwIfNoEntry: false });
  return statSync(path).size + (log?.size ?? 0);
}
