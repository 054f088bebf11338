import { assert } from '../../lib/assert.ts';
import type { TransactionGroup } from './store-message.ts';

interface KeyPlace {
  readonly collection: string;
  readonly keyText: string;
}

/**
 * Reads a group in the order in which `GroupWriter` wrote it: for each transaction its counts,
 * its comparisons, its puts, its removals.
 */
export class GroupReader {
  readonly #group: TransactionGroup;
  readonly #collections: readonly string[];
  #numberIndex = 0;
  #textIndex = 0;
  compareCount = 0;
  putCount = 0;
  removeCount = 0;

  constructor(group: TransactionGroup, collections: readonly string[]) {
    this.#group = group;
    this.#collections = collections;
  }

  /** Goes on to the next transaction, the first included. */
  nextTransaction(): void {
    this.compareCount = this.#nextNumber();
    this.putCount = this.#nextNumber();
    this.removeCount = this.#nextNumber();
  }

  nextComparison(): KeyPlace & { readonly version: number } {
    return { ...this.nextRemoval(), version: this.#nextNumber() };
  }

  nextPut(): KeyPlace & { readonly text: string } {
    const place = this.nextRemoval();
    return { collection: place.collection, keyText: place.keyText, text: this.#nextText() };
  }

  nextRemoval(): KeyPlace {
    const collection = this.#collections[this.#nextNumber()];
    assert(collection !== undefined, 'a group names collections of its store');
    return { collection, keyText: this.#nextText() };
  }

  #nextNumber(): number {
    const number = this.#group.numbers[this.#numberIndex];
    assert(number !== undefined, 'a group has all the numbers that it announced');
    this.#numberIndex += 1;
    return number;
  }

  #nextText(): string {
    const text = this.#group.texts[this.#textIndex];
    assert(text !== undefined, 'a group has all the texts that it announced');
    this.#textIndex += 1;
    return text;
  }
}
