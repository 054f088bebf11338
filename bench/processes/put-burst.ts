// Puts 20,000 records from 64 callers into a new store, to be watched by strace; see parts/store.ts.
import { openSqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { changedTask } from '../support/sample-task.ts';

const CALLERS = 64;
const PUTS = 20_000;

await using store = await openSqliteStore({
  path: process.argv[2] ?? '',
  role: 'manager',
  collections: ['tasks'],
}).then((opened) => ({ opened, [Symbol.asyncDispose]: () => opened.close() }));

let left = PUTS;
const call = async (): Promise<void> => {
  while (left > 0) {
    left -= 1;
    const key = String(left);
    await store.opened.transact({ put: [{ collection: 'tasks', key, value: changedTask(key) }] });
  }
};
await Promise.all(Array.from({ length: CALLERS }, call));
console.log(PUTS);
