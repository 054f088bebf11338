import type { DatabaseSync, SQLOutputValue, StatementSync } from 'node:sqlite';
import { tableOf } from './database.ts';
import { fromKeyText } from './key-text.ts';
import { type ChecksummedRecord, recordChecksum } from './record-checksum.ts';
import { damagedError } from './storage-error.ts';
import type { RecordPage, ScanPage } from './store-message.ts';

export interface PageQuery {
  readonly after: string | undefined;
  readonly limit: number;
  readonly reverse: boolean;
}

/** A record and where it stands in its table. */
interface FoundRow extends ChecksummedRecord {
  readonly row: number;
}

/** Reads and writes the records of one collection; each record read is held against its checksum. */
export class CollectionTable {
  readonly #path: string;
  readonly #collection: string;
  readonly #find: StatementSync;
  readonly #insert: StatementSync;
  readonly #update: StatementSync;
  readonly #remove: StatementSync;
  readonly #scan: StatementSync;
  readonly #pages: { readonly forward: PageStatements; readonly reverse: PageStatements };

  constructor(database: DatabaseSync, path: string, collection: string) {
    this.#path = path;
    this.#collection = collection;
    const table = tableOf(collection);
    const prepare = (sql: string): StatementSync => {
      const statement = database.prepare(sql);
      statement.setReturnArrays(true);
      return statement;
    };
    this.#find = prepare(`SELECT rowid, version, checksum, value FROM ${table} WHERE key = ?`);
    this.#insert = prepare(
      `INSERT INTO ${table} (key, version, checksum, value) VALUES (?, ?, ?, ?)`,
    );
    this.#update = prepare(
      `UPDATE ${table} SET version = ?, checksum = ?, value = ? WHERE rowid = ?`,
    );
    this.#remove = prepare(`DELETE FROM ${table} WHERE key = ?`);
    this.#scan = prepare(
      `SELECT key, version, checksum, value, rowid FROM ${table} WHERE rowid > ? ORDER BY rowid LIMIT ?`,
    );
    const select = `SELECT key, version, checksum, value FROM ${table}`;
    this.#pages = {
      forward: {
        whole: prepare(`${select} ORDER BY key LIMIT ?`),
        bounded: prepare(`${select} WHERE key > ? ORDER BY key LIMIT ?`),
      },
      reverse: {
        whole: prepare(`${select} ORDER BY key DESC LIMIT ?`),
        bounded: prepare(`${select} WHERE key < ? ORDER BY key DESC LIMIT ?`),
      },
    };
  }

  /** @throws CubeError `storage-damaged` */
  find(keyText: string): ChecksummedRecord | undefined {
    return this.#findRow(keyText);
  }

  /** Writes a record and says whether it is new. @throws CubeError `storage-damaged` */
  put(keyText: string, text: string): boolean {
    const found = this.#findRow(keyText);
    const version = (found?.version ?? 0) + 1;
    const collection = this.#collection;
    const checksum = recordChecksum({ collection, keyText, version, text });
    if (found === undefined) this.#insert.run(keyText, version, checksum, text);
    else this.#update.run(version, checksum, text, found.row);
    return found === undefined;
  }

  /** Removes a record and says whether it was there. */
  remove(keyText: string): boolean {
    return this.#remove.run(keyText).changes !== 0;
  }

  /** @throws CubeError `storage-damaged` */
  page({ after, limit, reverse }: PageQuery): RecordPage {
    const statements = reverse ? this.#pages.reverse : this.#pages.forward;
    const rows = toRows(
      after === undefined ? statements.whole.all(limit) : statements.bounded.all(after, limit),
    );
    return this.#toPage(rows);
  }

  /** Records in the order in which they lie in the file. @throws CubeError `storage-damaged` */
  scan(afterRow: number, limit: number): ScanPage {
    const rows = toRows(this.#scan.all(afterRow, limit));
    const last = rows.length < limit ? undefined : Number(rows.at(-1)?.[4]);
    return { ...this.#toPage(rows), last };
  }

  #toPage(rows: readonly Row[]): RecordPage {
    const texts: string[] = [];
    const versions: number[] = [];
    for (const [keyText, version, checksum, text] of rows) {
      const key = typeof keyText === 'string' ? keyText : '';
      const record = this.#verify(key, [version, checksum, text]);
      texts.push(record.keyText, record.text);
      versions.push(record.version);
    }
    return { texts, versions };
  }

  #findRow(keyText: string): FoundRow | undefined {
    const row = toRow(this.#find.get(keyText));
    if (row === undefined) return undefined;
    const [rowId, version, checksum, text] = row;
    return { ...this.#verify(keyText, [version, checksum, text]), row: Number(rowId) };
  }

  #verify(
    keyText: string,
    [version, checksum, text]: readonly (SQLOutputValue | undefined)[],
  ): ChecksummedRecord {
    if (typeof version === 'number' && typeof text === 'string') {
      const record = { collection: this.#collection, keyText, version, text };
      if (recordChecksum(record) === checksum) return record;
    }
    const name = JSON.stringify(`${this.#collection}/${fromKeyText(keyText)}`);
    throw damagedError(this.#path, `the record ${name} is not what was written`);
  }
}

interface PageStatements {
  readonly whole: StatementSync;
  readonly bounded: StatementSync;
}

type Row = readonly SQLOutputValue[];

/** A row as the array that `setReturnArrays` gives; the types of `node:sqlite` know only objects. */
function toRow(row: unknown): Row | undefined {
  return Array.isArray(row) ? row : undefined;
}

function toRows(rows: readonly unknown[]): readonly Row[] {
  return rows.map(toRow).filter((row) => row !== undefined);
}
