import { assert } from '../../lib/assert.ts';
import type { StoredRecord } from '../store.ts';
import { decodeRecords } from './decode-records.ts';
import type { FoundRecords } from './store-message.ts';
import { type ThreadLink, toCubeError } from './thread-link.ts';

/**
 * Records that are asked for together, at most. Not all that can be: while these are decoded, the
 * store's thread looks for the next.
 */
const BATCH = 32;

/** Looks for single records. Those that are asked for in one burst share a message. */
export class RecordFinder {
  readonly #link: ThreadLink;
  #wanted: Wanted[] = [];

  constructor(link: ThreadLink) {
    this.#link = link;
  }

  /** @throws CubeError as the thread answers */
  find(collection: string, keyText: string): Promise<StoredRecord | undefined> {
    return new Promise((resolve, reject) => {
      this.#wanted.push({ collection, keyText, resolve, reject });
      if (this.#wanted.length === 1) queueMicrotask(() => this.ask());
      if (this.#wanted.length >= BATCH) this.ask();
    });
  }

  /** Asks for what waits to be asked for. */
  ask(): void {
    const wanted = this.#wanted;
    if (wanted.length === 0) return;
    this.#wanted = [];
    const places = wanted.flatMap(({ collection, keyText }) => [collection, keyText]);
    this.#link.call({ kind: 'find', places }).then(
      (answer) => {
        assert(answer.kind === 'found', 'records are asked for and come');
        settle(wanted, answer.found);
      },
      (error: unknown) => {
        for (const one of wanted) one.reject(error);
      },
    );
  }
}

interface Wanted {
  readonly collection: string;
  readonly keyText: string;
  readonly resolve: (record: StoredRecord | undefined) => void;
  readonly reject: (error: unknown) => void;
}

function settle(wanted: readonly Wanted[], { page, indexes, faults }: FoundRecords): void {
  for (const { index, fault } of faults) wanted[index]?.reject(toCubeError(fault));
  for (const [position, record] of decodeRecords(page).entries()) {
    wanted[indexes[position] ?? 0]?.resolve(record);
  }
  // Those that are left were not there; a promise that is settled stays as it is.
  for (const one of wanted) one.resolve(undefined);
}
