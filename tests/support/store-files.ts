import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, readFileSync } from 'node:fs';
import { openSqliteStore, type SqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import type { Store, StoredRecord } from '../../src/store/store.ts';

/** The collections of the stores that tests damage, kill and cut off. */
export const testCollections = ['tasks', 'events'];

/** Opens the store at `path` as these tests do. */
export function openTestStore(path: string): Promise<SqliteStore> {
  return openSqliteStore({ path, role: 'manager', collections: testCollections });
}

/** A task and its event, in one transaction, large enough that a store has many pages. */
export async function writeTask(store: Store, index: number): Promise<void> {
  const key = String(index).padStart(6, '0');
  const value = { name: `task-${index}`, note: 'n'.repeat(index % 700) };
  await store.transact({
    put: [
      { collection: 'tasks', key, value },
      { collection: 'events', key, value: { taskId: key, index } },
    ],
  });
}

/** Everything in a store, collection by collection. */
export async function readStore(store: Store): Promise<Record<string, readonly StoredRecord[]>> {
  const contents: Record<string, readonly StoredRecord[]> = {};
  for (const collection of testCollections) {
    contents[collection] = await store.list(collection, { limit: 10_000 });
  }
  return contents;
}

/** What belongs to a data file and must stay as it is when the file is refused. */
const suffixes = ['', '-wal', '.id'];

/** Copies a data file with what stands beside it. */
export function copyStore(from: string, to: string): void {
  for (const suffix of suffixes) {
    if (existsSync(from + suffix)) copyFileSync(from + suffix, to + suffix);
  }
}

/** A fingerprint of a data file and what stands beside it. An empty log is as good as none. */
export function fingerprint(path: string): string {
  const hash = createHash('sha256');
  for (const suffix of suffixes) {
    hash.update(existsSync(path + suffix) ? readFileSync(path + suffix) : '');
    hash.update(suffix);
  }
  return hash.digest('hex');
}
