import type { Clock } from '../lib/clock.ts';
import type { Store, Transaction } from './store.ts';

/** What is measured of one transaction. */
export interface TransactionMeasure {
  /** From the call until it was durable, or refused. */
  readonly seconds: number;
  /** How many records it puts and removes. */
  readonly recordCount: number;
  readonly isDurable: boolean;
}

export interface StoreMeterOptions {
  readonly clock: Clock;
  readonly onTransaction: (measure: TransactionMeasure) => void;
}

/** The same store, with its transactions measured. */
export function meterStore(store: Store, { clock, onTransaction }: StoreMeterOptions): Store {
  const transact = async (transaction: Transaction): Promise<void> => {
    const startedAt = clock.monotonic();
    const recordCount = recordCountOf(transaction);
    const measure = (isDurable: boolean): void =>
      onTransaction({ seconds: (clock.monotonic() - startedAt) / 1000, recordCount, isDurable });
    try {
      await store.transact(transaction);
    } catch (error) {
      measure(false);
      throw error;
    }
    measure(true);
  };
  return new Proxy(store, {
    get(target, name) {
      if (name === 'transact') return transact;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

function recordCountOf({ put = [], remove = [] }: Transaction): number {
  return put.length + remove.length;
}
