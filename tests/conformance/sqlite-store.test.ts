import { join } from 'node:path';
import { openSqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { describeStore } from './store-suite.ts';

describeStore({
  name: 'SQLite store',
  isDurable: true,
  runCount: 60,
  createHome: async (collections) => {
    const directory = await temporaryDirectory();
    return {
      open: () =>
        openSqliteStore({ path: join(directory.path, 'cube.db'), role: 'manager', collections }),
      [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
    };
  },
});
