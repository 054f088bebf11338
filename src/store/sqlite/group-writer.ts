import { assert } from '../../lib/assert.ts';
import type { RecordKey, Transaction } from '../store.ts';
import { toRecordText } from '../store-rules.ts';
import { toKeyText } from './key-text.ts';
import type { TransactionGroup } from './store-message.ts';

/** Lays transactions out for the store's thread; `GroupReader` reads them there. */
export class GroupWriter {
  readonly #collectionIndexes: ReadonlyMap<string, number>;
  #size = 0;
  #numbers: number[] = [];
  #texts: string[] = [];

  constructor(collections: readonly string[]) {
    this.#collectionIndexes = new Map(collections.map((name, index) => [name, index]));
  }

  /** Transactions that wait to be taken. */
  get size(): number {
    return this.#size;
  }

  /**
   * Takes a transaction in whole. What can be wrong with it is found before anything is written.
   *
   * @throws Error, when a value is not JSON or a collection is unknown.
   */
  add({ compare = [], put = [], remove = [] }: Transaction): void {
    const numbers: number[] = [compare.length, put.length, remove.length];
    const texts: string[] = [];
    const addKey = ({ collection, key }: RecordKey): void => {
      const index = this.#collectionIndexes.get(collection);
      assert(index !== undefined, `the store has no collection ${JSON.stringify(collection)}`);
      numbers.push(index);
      texts.push(toKeyText(key));
    };
    for (const one of compare) {
      addKey(one);
      numbers.push(one.version);
    }
    for (const one of put) {
      addKey(one);
      texts.push(toRecordText(one));
    }
    for (const one of remove) addKey(one);
    // Not by spreading: a transaction may have more records than a call may have arguments.
    for (const number of numbers) this.#numbers.push(number);
    for (const text of texts) this.#texts.push(text);
    this.#size += 1;
  }

  /** Gives away what was added, and begins anew. */
  take(): TransactionGroup {
    const group = { size: this.#size, numbers: this.#numbers, texts: this.#texts };
    this.#size = 0;
    this.#numbers = [];
    this.#texts = [];
    return group;
  }
}
