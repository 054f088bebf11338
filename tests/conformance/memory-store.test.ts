import { MemoryStore } from '../../src/store/memory/memory-store.ts';
import { describeStore } from './store-suite.ts';

describeStore({
  name: 'memory store',
  isDurable: false,
  runCount: 300,
  createHome: async (collections) => ({
    open: async () => new MemoryStore({ collections }),
    [Symbol.asyncDispose]: async () => undefined,
  }),
});
