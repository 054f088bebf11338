import type { Store, Transaction } from '../../../src/store/store.ts';
import { type PlantedBug, withMethods } from './planted-bug.ts';

const hasEvent = ({ put = [] }: Transaction, type: string): boolean =>
  put.some(({ collection, value }) => collection === 'events' && Object(value).type === type);

/** Says that it is written, and writes it then. */
const writeLater = (store: Store, transaction: Transaction): Promise<void> => {
  store.transact(transaction).catch(() => undefined);
  return Promise.resolve();
};

export const diskBugs: readonly PlantedBug[] = [
  {
    name: 'early acknowledgement: a submission is answered before it is on the disk',
    checks: ['ack-durable', 'no-phantom'],
    seedCountMax: 20,
    plant: () => ({
      managerStore: (store) =>
        withMethods(store, {
          transact: (transaction) =>
            hasEvent(transaction, 'task-submitted')
              ? writeLater(store, transaction)
              : store.transact(transaction),
        }),
    }),
  },
  {
    name: 'event before its flush: what is not yet on the disk is published',
    checks: ['no-phantom', 'ack-durable'],
    seedCountMax: 5,
    plant: () => ({
      managerStore: (store) =>
        withMethods(store, {
          transact: (transaction) =>
            hasEvent(transaction, 'task-submitted') || hasEvent(transaction, 'task-stop-requested')
              ? store.transact(transaction)
              : writeLater(store, transaction),
        }),
    }),
  },
  {
    name: 'lost event: one in forty is not written',
    checks: ['rev-contiguous', 'atomic'],
    seedCountMax: 2,
    plant: () => {
      let count = 0;
      const isKept = ({ collection }: { readonly collection: string }): boolean => {
        if (collection === 'events') count += 1;
        return collection !== 'events' || count % 40 !== 0;
      };
      return {
        managerStore: (store) =>
          withMethods(store, {
            transact: (transaction) =>
              store.transact({ ...transaction, put: transaction.put?.filter(isKept) ?? [] }),
          }),
      };
    },
  },
  {
    name: 'torn commit: records and events are written one after the other',
    checks: ['atomic'],
    seedCountMax: 2,
    plant: () => ({
      managerStore: (store) =>
        withMethods(store, {
          transact: async ({ put = [], ...rest }) => {
            await store.transact({
              ...rest,
              put: put.filter(({ collection }) => collection !== 'events'),
            });
            await store.transact({ put: put.filter(({ collection }) => collection === 'events') });
          },
        }),
    }),
  },
];
