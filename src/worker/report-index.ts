import type { AttemptKey } from '../link/protocol.ts';

interface Entry {
  readonly sequence: number;
  readonly key: AttemptKey;
}

/** Tells whether an entry is still the latest of its attempt. */
type IsLatest = (entry: Entry) => boolean;

/** Entries that have been replaced are cleared away when they are the majority. */
const LENGTH_MIN = 1024;

/**
 * Finds the attempts that were reported after a sequence without a look at all the others.
 * Sequences are added in growing order.
 */
export class ReportIndex {
  #entries: Entry[] = [];

  add(entry: Entry): void {
    this.#entries.push(entry);
  }

  /** Drops replaced entries, if there may be more of them than of the `liveCount` others. */
  compact(liveCount: number, isLatest: IsLatest): void {
    if (this.#entries.length < LENGTH_MIN || this.#entries.length < liveCount * 2) return;
    this.#entries = this.#entries.filter(isLatest);
  }

  /** Entries after `sequence`, in order. */
  *after(sequence: number): Generator<Entry> {
    const entries = this.#entries;
    let low = 0;
    let high = entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((entries[middle]?.sequence ?? 0) <= sequence) low = middle + 1;
      else high = middle;
    }
    for (let index = low; index < entries.length; index += 1) {
      const entry = entries[index];
      if (entry !== undefined) yield entry;
    }
  }
}
