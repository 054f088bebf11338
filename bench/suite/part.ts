import type { Target } from './target.ts';

/** What was measured in one go, by name. */
export type Readings = Readonly<Record<string, number>>;

/** Ours, a peer or a limit: runs once a round and says what it measured. */
export interface Contender {
  readonly name: string;
  /** @throws Unavailable, when this machine lacks what it takes. */
  readonly run: () => Promise<Readings>;
}

/** Contenders that are measured side by side: one after the other, round after round. */
export interface Trial {
  readonly name: string;
  readonly rounds: number;
  readonly contenders: readonly Contender[];
}

/** Units in which more is better end in `/s`; in all others less is. */
export type Unit = '/s' | 'k/s' | 's' | 'ms' | 'µs' | 'MB' | '%' | '×' | 'B/task' | 'flushes/put';

/** Gives the median of a reading. */
type Median = (reading: string) => number;

/** One row of the table, as data: which reading is ours, what it is held against, and the target. */
export interface Figure {
  /** Unique in its part. */
  readonly name: string;
  readonly unit: Unit;
  readonly ours: string;
  readonly reference?: Reference;
  /** Absent for what is only to be seen. */
  readonly target?: Target;
}

interface Reference {
  readonly name: string;
  /** A reading, or what follows from several. */
  readonly of: string | ((median: Median) => number);
}

/** One part of the suite. */
export interface Part {
  readonly name: string;
  readonly figures: readonly Figure[];
  /** What a reader of the table has to know, such as what is simulated. */
  readonly notes: readonly string[];
  /** Prepares what the trials need; it is disposed of after the last. */
  readonly open: (directory: string) => Promise<OpenPart>;
}

export interface OpenPart extends AsyncDisposable {
  readonly trials: readonly Trial[];
}

/** Something that a contender needs is not on this machine; its figures are left out. */
export class Unavailable extends Error {}
