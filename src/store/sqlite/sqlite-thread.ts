import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { CubeError, isCubeError } from '../../errors/cube-error.ts';
import { assert, assertNever } from '../../lib/assert.ts';
import { systemClock, type Timer } from '../../lib/clock.ts';
import { returnMemory } from '../../lib/return-memory.ts';
import { checkAside } from './check-aside.ts';
import { type DataFile, FoundDataFile } from './data-file.ts';
import { checkStructure } from './database.ts';
import { LogReserve } from './log-reserve.ts';
import { bytesOf, SqliteEngine } from './sqlite-engine.ts';
import { fullError, judgeTrouble, toStorageError } from './storage-error.ts';
import type {
  FoundRecords,
  RecordPage,
  StoreAnswer,
  StoreCall,
  StoreFault,
  StoreMessage,
  StoreRequest,
  ThreadOptions,
  TransactionGroup,
} from './store-message.ts';

/**
 * The thread in which SQLite lives, so that a slow disk never holds up the program. It answers
 * each request in turn. A group is answered only after its commit has returned, which with
 * `synchronous=FULL` is after its flush.
 */
class StoreThread {
  readonly #port: MessagePort;
  readonly #path: string;
  readonly #options: ThreadOptions;
  /** Undefined while the structure is being checked, and once the file is refused. */
  #file: DataFile | undefined;
  #engine: SqliteEngine;
  /** Settles when the file may be written, or is refused. */
  readonly #checked: Promise<void>;
  /** After a failure that leaves unknown what the disk holds, every request gets this answer. */
  #fault: StoreFault | undefined;
  #idleTimer: Timer | undefined;
  #commitCount = 0;
  #hasRested = false;
  #roomTimer: Timer | undefined;
  /** Made at the first look, so that who opens a store only for a moment does not wait for it. */
  #reserve: LogReserve | undefined;
  #shortage: CubeError | undefined;
  #copying: Promise<void> | undefined;
  #isClosing = false;

  constructor(port: MessagePort, options: ThreadOptions) {
    this.#port = port;
    this.#options = options;
    const found = FoundDataFile.find(options);
    this.#path = found.path;
    try {
      if (options.readsEarly && isWorthReadingEarly(found)) {
        this.#engine = new SqliteEngine(found, options.collections);
        this.#checked = this.#checkAside(found);
      } else {
        checkStructure(found.database, found.path);
        this.#file = found.take();
        this.#engine = new SqliteEngine(this.#file, options.collections);
        this.#checked = Promise.resolve();
        this.#watchRoom();
      }
    } catch (error) {
      found.release();
      throw error;
    }
  }

  #take(found: FoundDataFile): DataFile {
    const file = found.take();
    this.#engine = new SqliteEngine(file, this.#options.collections);
    this.#watchRoom();
    return file;
  }

  /** Until the verdict, everything can be read; what changes something waits for it. */
  async #checkAside(found: FoundDataFile): Promise<void> {
    try {
      const fault = await checkAside(found.path);
      // One that a read has met comes first.
      this.#fault ??= fault;
      if (this.#fault === undefined) this.#file = this.#take(found);
      else found.release();
    } catch (error) {
      this.#fault ??= toFault(toStorageError(error, 'open', this.#path), true);
      found.release();
    }
  }

  run(): void {
    this.#port.on('message', ({ id, call }: StoreRequest) => {
      if (call.kind === 'copy' || call.kind === 'close') {
        void this.#answerLater(call).then((answer) => this.#send({ kind: 'answer', id, answer }));
      } else if (call.kind === 'commit' && this.#file === undefined) {
        // In the order of the calls, since those that wait are answered in it.
        void this.#checked.then(() => this.#answerNow(id, call));
      } else {
        this.#answerNow(id, call);
      }
    });
    this.#send({ kind: 'opened' });
  }

  #answerNow(id: number, call: QuickCall): void {
    this.#send({ kind: 'answer', id, answer: this.#answer(id, call) });
    if (call.kind === 'commit') this.#tendLog();
  }

  /** What does not hold up other calls: a copy, and the end, for which a copy has to end first. */
  async #answerLater(call: Extract<StoreCall, { kind: 'copy' | 'close' }>): Promise<StoreAnswer> {
    await this.#checked;
    if (call.kind === 'close') {
      this.#isClosing = true;
      await this.#copying?.catch(() => undefined);
      return this.#close();
    }
    if (this.#fault !== undefined) return { kind: 'failed', fault: this.#fault };
    try {
      this.#copying = this.#engine.copy(call.path, () => {
        if (this.#isClosing) throw new CubeError('unavailable', 'The store is being closed.');
      });
      await this.#copying;
      return { kind: 'copied' };
    } catch (error) {
      // It is the copy that failed: the data file was only read.
      const seen = toStorageError(error, 'copy', this.#path);
      return { kind: 'failed', fault: toFault(seen, false) };
    } finally {
      this.#copying = undefined;
    }
  }

  #answer(id: number, call: QuickCall): StoreAnswer {
    if (this.#fault !== undefined) return { kind: 'failed', fault: this.#fault };
    try {
      return this.#work(id, call);
    } catch (error) {
      return { kind: 'failed', fault: this.#judge(error, 'use') };
    }
  }

  #work(id: number, call: QuickCall): StoreAnswer {
    switch (call.kind) {
      case 'commit':
        return { kind: 'committed', conflicts: this.#commit(call.group) };
      case 'find':
        return { kind: 'found', found: this.#find(call.places) };
      case 'list':
        return { kind: 'records', page: this.#list(id, call) };
      case 'scan':
        return { kind: 'scanned', page: this.#engine.scan(call.collection, call.afterRow) };
      case 'count':
        return { kind: 'number', value: this.#engine.count(call.collection) };
      case 'size':
        return { kind: 'number', value: this.#engine.sizeBytes() };
      default:
        return assertNever(call);
    }
  }

  #find(places: readonly string[]): FoundRecords {
    const texts: string[] = [];
    const versions: number[] = [];
    const indexes: number[] = [];
    const faults: { index: number; fault: StoreFault }[] = [];
    for (let index = 0; 2 * index < places.length; index += 1) {
      try {
        const record = this.#engine.find(places[2 * index] ?? '', places[2 * index + 1] ?? '');
        if (record === undefined) continue;
        texts.push(record.keyText, record.text);
        versions.push(record.version);
        indexes.push(index);
      } catch (error) {
        // A damaged record is told to whoever asked for it, and to nobody else.
        if (!isCubeError(error)) throw error;
        faults.push({ index, fault: this.#judge(error, 'use') });
      }
    }
    return { page: { texts, versions }, indexes, faults };
  }

  /**
   * Sends all but the last records of a long list ahead, to be decoded while the next are read.
   * Nothing is written meanwhile: they are all of one moment.
   */
  #list(id: number, { collection, ...query }: Extract<StoreCall, { kind: 'list' }>): RecordPage {
    let { after, limit } = query;
    for (;;) {
      const page = this.#engine.list(collection, { ...query, after, limit: Math.min(limit, PART) });
      limit -= page.versions.length;
      if (page.versions.length < PART || limit === 0) return page;
      after = page.texts.at(-2);
      this.#send({ kind: 'part', id, page });
    }
  }

  #commit(group: TransactionGroup): ReturnType<SqliteEngine['commit']> {
    this.#commitCount += 1;
    try {
      return this.#engine.commit(group);
    } catch (error) {
      if (judgeTrouble(error) !== 'full') throw error;
      // What the log holds may fit into the file, and the log's own room is then free again.
      this.#moveLog();
      if (this.#fault !== undefined || this.#engine.logUsedBytes() > 0) {
        throw fullError(this.#path, error);
      }
      return this.#commitAgain(group);
    }
  }

  /** The failed try was taken back whole. */
  #commitAgain(group: TransactionGroup): ReturnType<SqliteEngine['commit']> {
    try {
      return this.#engine.commit(group);
    } catch (error) {
      throw judgeTrouble(error) === 'full' ? fullError(this.#path, error) : error;
    }
  }

  /** Keeps the log short: at once when it is long, else when nothing was written for a while. */
  #tendLog(): void {
    if (this.#fault !== undefined) return;
    if (this.#engine.isLogLong()) this.#moveLog();
    this.#tendReserve();
    this.#idleTimer ??= this.#armIdleTimer();
  }

  #armIdleTimer(): Timer {
    const seen = this.#commitCount;
    return systemClock.setTimer(IDLE_MS, () => {
      this.#idleTimer = undefined;
      if (this.#fault !== undefined) return;
      if (seen !== this.#commitCount) this.#idleTimer = this.#armIdleTimer();
      else this.#rest();
    });
  }

  #rest(): void {
    this.#moveLog();
    if (this.#hasRested) return;
    this.#hasRested = true;
    returnMemory();
  }

  #moveLog(): void {
    this.#tend('move the log into', () => this.#engine.checkpoint());
    this.#reserve?.logMoved();
  }

  /** Looks at the room on the disk again and again, also while nothing is written. */
  #watchRoom(): void {
    this.#roomTimer = systemClock.setTimer(ROOM_CHECK_MS, () => {
      if (this.#fault !== undefined) return;
      this.#reserve ??= new LogReserve(this.#path);
      if (this.#shortage !== undefined) this.#moveLog();
      this.#tendReserve();
      this.#watchRoom();
    });
  }

  #tendReserve(): void {
    const reserve = this.#reserve;
    if (reserve === undefined || this.#fault !== undefined) return;
    this.#tend('keep a reserve in the log of', () => {
      const shortage = reserve.tend(this.#engine.logUsedBytes());
      if (shortage?.message === this.#shortage?.message) return;
      this.#shortage = shortage;
      const fault = shortage === undefined ? undefined : toFault(shortage, false);
      this.#send({ kind: 'room', shortage: fault });
    });
  }

  /** Moving the log may wait when the disk is full; any other failure is one of the disk. */
  #tend(what: string, work: () => void): void {
    try {
      work();
    } catch (error) {
      const fields = { path: this.#path, reason: toStorageError(error, what, this.#path).message };
      this.#send({ kind: 'warning', fields, message: 'The log of the store could not be moved.' });
      if (judgeTrouble(error) !== 'full') this.#judge(error, what);
    }
  }

  /** What the caller is told; closes the door behind a failure that leaves the disk unknown. */
  #judge(error: unknown, what: string): StoreFault {
    const seen = toStorageError(error, what, this.#path);
    // A damaged record or a full disk is told to whoever met it; the rest of the data is sound.
    const isFatal = !isCubeError(error);
    const fault = toFault(seen, isFatal);
    if (isFatal) this.#fault = fault;
    return fault;
  }

  #close(): StoreAnswer {
    this.#idleTimer?.cancel();
    this.#roomTimer?.cancel();
    this.#reserve?.close();
    try {
      if (this.#fault === undefined) this.#file?.close();
      else this.#file?.abandon();
      return { kind: 'closed' };
    } catch (error) {
      return {
        kind: 'failed',
        fault: toFault(toStorageError(error, 'close', this.#path), true),
      };
    } finally {
      // With nobody listening, the thread ends by itself once the last answer is on its way.
      this.#port.unref();
    }
  }

  #send(message: StoreMessage): void {
    this.#port.postMessage(message);
  }
}

/** A call that is answered at once. */
type QuickCall = Exclude<StoreCall, { kind: 'copy' | 'close' }>;

/** Records of a list that are sent together. */
const PART = 1000;

/** The check of a smaller file takes less than the start of a thread for it. */
const CHECK_ASIDE_BYTES_MIN = 16 * 1024 * 1024;

/** One that lacks a collection cannot be read as a whole before it is taken. */
function isWorthReadingEarly({ path, isComplete }: FoundDataFile): boolean {
  return isComplete && bytesOf(path) >= CHECK_ASIDE_BYTES_MIN;
}

/** A pause in the writing after which there is time to tidy. */
const IDLE_MS = 250;

const ROOM_CHECK_MS = 1000;

function toFault(error: CubeError, isFatal: boolean): StoreFault {
  const { code, message, hint } = error;
  return { code, message, hint, isFatal };
}

function main(port: MessagePort | null, options: ThreadOptions): void {
  assert(port !== null, 'the store runs in a thread of its own');
  try {
    new StoreThread(port, options).run();
  } catch (error) {
    const seen = toStorageError(error, 'open', options.path);
    const message: StoreMessage = { kind: 'refused', fault: toFault(seen, true) };
    port.postMessage(message);
  }
}

main(parentPort, workerData);
