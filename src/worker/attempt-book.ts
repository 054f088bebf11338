import { type CubeError, isCubeError } from '../errors/cube-error.ts';
import type { AttemptKey } from '../link/protocol.ts';
import {
  type AttemptRecord,
  attemptKeyText,
  loadWorkerState,
  toWorkerTransaction,
  type WorkerReign,
} from '../store/attempt-repository.ts';
import type { Store } from '../store/store.ts';
import { ReportIndex } from './report-index.ts';

/** A record as a change writes it; its sequence is given by the book. */
export type AttemptDraft = Omit<AttemptRecord, 'sequence'>;

/** One attempt after a commit; `after` is undefined when its record is gone. */
export interface AttemptChange {
  readonly before: AttemptRecord | undefined;
  readonly after: AttemptRecord | undefined;
}

/** What a change sees and alters. Nothing of it counts until the group is durable. */
export interface BookDraft {
  readonly cluster: string | undefined;
  readonly epoch: number;
  find(key: AttemptKey): AttemptRecord | undefined;
  /** The attempts of a task, lowest first. */
  ofTask(taskId: string): readonly AttemptRecord[];
  put(record: AttemptDraft): AttemptRecord;
  remove(key: AttemptKey): void;
  setReign(cluster: string, epoch: number): void;
}

interface Waiting {
  readonly run: (draft: BookDraft) => void;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

type Tasks = Map<string, readonly AttemptRecord[]>;

/** Fences kept, at most: records of attempts of which nothing is left. */
const FENCE_COUNT_MAX = 1000;

/**
 * The one door to what a worker knows. A change is a function of the state as it will be when its
 * turn comes; changes that wait together become one transaction. Only when that is durable does
 * the state change and are the listeners told. If it fails, all changes of the group fail.
 */
export class AttemptBook {
  readonly #store: Store;
  readonly #tasks: Tasks = new Map();
  readonly #fences = new Map<string, AttemptKey>();
  readonly #reports = new ReportIndex();
  #count = 0;
  readonly #listeners = new Set<(changes: readonly AttemptChange[]) => void>();
  #reign: WorkerReign;
  #waiting: Waiting[] = [];
  #flushing: Promise<void> | undefined;
  #onFatal: ((error: CubeError) => void) | undefined;

  private constructor(store: Store, reign: WorkerReign, onFatal?: (error: CubeError) => void) {
    this.#store = store;
    this.#reign = reign;
    this.#onFatal = onFatal;
  }

  /**
   * `onFatal` is called once if the store fails so that every later commit will fail too.
   *
   * @throws CubeError `storage-damaged` or another code of the store.
   */
  static async open(store: Store, onFatal?: (error: CubeError) => void): Promise<AttemptBook> {
    const { reign, attempts } = await loadWorkerState(store);
    const sequence = attempts.reduce((max, one) => Math.max(max, one.sequence), reign.sequence);
    const book = new AttemptBook(store, { ...reign, sequence }, onFatal);
    for (const record of attempts.toSorted((a, b) => a.sequence - b.sequence)) book.#apply(record);
    return book;
  }

  get cluster(): string | undefined {
    return this.#reign.cluster;
  }

  get epoch(): number {
    return this.#reign.epoch;
  }

  /** The sequence of the newest report; every report up to it is contained in the records. */
  get sequence(): number {
    return this.#reign.sequence;
  }

  /** Why new attempts should not be taken now; undefined while there is room for them. */
  get shortage(): CubeError | undefined {
    return this.#store.shortage;
  }

  find(key: AttemptKey): AttemptRecord | undefined {
    return this.ofTask(key.taskId).find((one) => one.attempt === key.attempt);
  }

  ofTask(taskId: string): readonly AttemptRecord[] {
    return this.#tasks.get(taskId) ?? [];
  }

  taskIds(): Iterable<string> {
    return this.#tasks.keys();
  }

  *all(): Generator<AttemptRecord> {
    for (const records of this.#tasks.values()) yield* records;
  }

  /** Records whose latest report comes after `sequence`, in the order of their reports. */
  *recent(sequence: number): Generator<AttemptRecord> {
    for (const entry of this.#reports.after(sequence)) {
      const record = this.find(entry.key);
      if (record?.sequence === entry.sequence) yield record;
    }
  }

  /** Calls `listener` after each commit; the result ends that. */
  subscribe(listener: (changes: readonly AttemptChange[]) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /**
   * Makes a change durable, then visible. Resolves with what `change` returned.
   *
   * @throws what `change` throws, in which case nothing of it is kept, or the store's error.
   */
  commit<Result>(change: (draft: BookDraft) => Result): Promise<Result> {
    return new Promise<Result>((resolve, reject) => {
      let result: { readonly value: Result } | undefined;
      this.#waiting.push({
        run: (draft) => {
          result = { value: change(draft) };
        },
        resolve: () => {
          if (result !== undefined) resolve(result.value);
        },
        reject,
      });
      this.#flushing ??= this.#flush();
    });
  }

  /** Waits for the changes already asked for. */
  async settle(): Promise<void> {
    await this.#flushing;
  }

  async #flush(): Promise<void> {
    // The first change waits for a microtask, so that changes of one burst share a transaction.
    await null;
    while (this.#waiting.length > 0) {
      const group = this.#waiting;
      this.#waiting = [];
      await this.#flushGroup(group);
    }
    // In the same breath as the last look, or a change that comes in between waits for ever.
    this.#flushing = undefined;
  }

  async #flushGroup(group: readonly Waiting[]): Promise<void> {
    const draft = new Draft({ reign: this.#reign, ofTask: (taskId) => this.ofTask(taskId) });
    const taken: Waiting[] = [];
    for (const waiting of group) {
      const own = new Draft(draft);
      try {
        waiting.run(own);
      } catch (error) {
        waiting.reject(error);
        continue;
      }
      draft.merge(own);
      taken.push(waiting);
    }
    this.#trimFences(draft);
    try {
      await this.#makeDurable(draft);
    } catch (error) {
      for (const { reject } of taken) reject(error);
      if (isCubeError(error, 'storage-failed')) {
        this.#onFatal?.(error);
        this.#onFatal = undefined;
      }
      return;
    }
    this.#applyAndPublish(draft);
    for (const { resolve } of taken) resolve();
  }

  async #makeDurable(draft: Draft): Promise<void> {
    if (draft.changed.size === 0 && draft.reign === this.#reign) return;
    const put: AttemptRecord[] = [];
    const remove: string[] = [];
    for (const [key, record] of draft.changed) {
      if (record === undefined) remove.push(key);
      else put.push(record);
    }
    // The sequence lives in the records; where one goes, the count must not go with it.
    const isReignNew =
      remove.length > 0 ||
      draft.reign.cluster !== this.#reign.cluster ||
      draft.reign.epoch !== this.#reign.epoch;
    const reign = isReignNew ? draft.reign : undefined;
    await this.#store.transact(toWorkerTransaction({ reign, put, remove }));
  }

  #applyAndPublish(draft: Draft): void {
    this.#reign = draft.reign;
    const changes: AttemptChange[] = [];
    for (const record of draft.changedRecords()) {
      const before = this.find(record.key);
      if (record.after === undefined) this.#drop(record.key);
      else this.#apply(record.after);
      changes.push({ before, after: record.after });
    }
    this.#reports.compact(
      this.#count,
      ({ key, sequence }) => this.find(key)?.sequence === sequence,
    );
    for (const listener of this.#listeners) listener(changes);
  }

  #apply(record: AttemptRecord): void {
    if (this.find(record) === undefined) this.#count += 1;
    this.#tasks.set(record.taskId, withRecord(this.ofTask(record.taskId), record));
    const { taskId, attempt, sequence } = record;
    this.#reports.add({ sequence, key: { taskId, attempt } });
    if (record.gone === true) this.#fences.set(attemptKeyText(record), record);
  }

  #drop(key: AttemptKey): void {
    if (this.find(key) !== undefined) this.#count -= 1;
    const rest = this.ofTask(key.taskId).filter((one) => one.attempt !== key.attempt);
    if (rest.length === 0) this.#tasks.delete(key.taskId);
    else this.#tasks.set(key.taskId, rest);
    this.#fences.delete(attemptKeyText(key));
  }

  #trimFences(draft: Draft): void {
    let excess = this.#fences.size - FENCE_COUNT_MAX;
    if (excess <= 0) return;
    for (const key of this.#fences.values()) {
      if (excess <= 0) return;
      draft.remove(key);
      excess -= 1;
    }
  }
}

interface DraftBase {
  readonly reign: WorkerReign;
  ofTask(taskId: string): readonly AttemptRecord[];
}

class Draft implements BookDraft {
  readonly #base: DraftBase;
  readonly #tasks: Tasks = new Map();
  readonly #keys = new Map<string, AttemptKey>();
  readonly changed = new Map<string, AttemptRecord | undefined>();
  reign: WorkerReign;

  constructor(base: DraftBase) {
    this.#base = base;
    this.reign = base.reign;
  }

  get cluster(): string | undefined {
    return this.reign.cluster;
  }

  get epoch(): number {
    return this.reign.epoch;
  }

  find(key: AttemptKey): AttemptRecord | undefined {
    return this.ofTask(key.taskId).find((one) => one.attempt === key.attempt);
  }

  ofTask(taskId: string): readonly AttemptRecord[] {
    return this.#tasks.get(taskId) ?? this.#base.ofTask(taskId);
  }

  put(record: AttemptDraft): AttemptRecord {
    const sequence = this.reign.sequence + 1;
    this.reign = { ...this.reign, sequence };
    const numbered = Object.freeze({ ...record, sequence });
    this.#set(record, numbered);
    return numbered;
  }

  remove(key: AttemptKey): void {
    this.#set(key, undefined);
  }

  setReign(cluster: string, epoch: number): void {
    this.reign = { ...this.reign, cluster, epoch };
  }

  merge(other: Draft): void {
    for (const { key, after } of other.changedRecords()) this.#set(key, after);
    this.reign = other.reign;
  }

  *changedRecords(): Generator<{
    readonly key: AttemptKey;
    readonly after: AttemptRecord | undefined;
  }> {
    for (const [text, after] of this.changed) {
      const key = this.#keys.get(text);
      if (key === undefined) throw new Error(`Broken belief: ${text} has a key.`);
      yield { key, after };
    }
  }

  #set(key: AttemptKey, record: AttemptRecord | undefined): void {
    const text = attemptKeyText(key);
    // Set anew, so that the order of the map is that of the sequences.
    this.changed.delete(text);
    this.changed.set(text, record);
    this.#keys.set(text, { taskId: key.taskId, attempt: key.attempt });
    const rest = this.ofTask(key.taskId);
    this.#tasks.set(
      key.taskId,
      record === undefined
        ? rest.filter((one) => one.attempt !== key.attempt)
        : withRecord(rest, record),
    );
  }
}

function withRecord(
  records: readonly AttemptRecord[],
  record: AttemptRecord,
): readonly AttemptRecord[] {
  return [...records.filter((one) => one.attempt !== record.attempt), record].sort(
    (a, b) => a.attempt - b.attempt,
  );
}
