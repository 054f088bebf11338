import { CubeError } from '../../errors/cube-error.ts';
import { type Clock, sleep } from '../../lib/clock.ts';
import { MemoryStore } from '../../store/memory/memory-store.ts';
import type { RecordText, Store, Transaction } from '../../store/store.ts';
import type { Life } from '../cluster/life.ts';
import type { Dice } from '../dice.ts';

/**
 * The disk of a simulated process: what was written stays when the process dies. A write takes
 * time; if the process dies meanwhile, the write was made or it was not. A disk may be full for a
 * while, and a write may fail so that nobody knows whether it was made.
 */
export class SimulatedDisk {
  readonly store = new MemoryStore();
  isFull = false;
  /** The longest a write takes, in milliseconds. */
  delayMs = 0;
  /** The longest a read takes, in milliseconds: what it gives is then as old. */
  readDelayMs = 0;
  /** The next write fails for good; `made`: it was made all the same. */
  nextFailure: 'made' | 'not-made' | undefined;
  /** Called once, when the next write has begun and may yet be made or not. */
  onNextWrite: (() => void) | undefined;
  readonly #clock: Clock;
  readonly #dice: Dice;
  #held: Promise<void> | undefined;
  readonly #onWritten: (transaction: Transaction) => void;
  readonly #onTorn: (isMade: boolean) => void;

  constructor(options: {
    readonly clock: Clock;
    readonly dice: Dice;
    readonly onWritten?: (transaction: Transaction) => void;
    /** Told when a process dies while it writes: whether the write was made. */
    readonly onTorn?: (isMade: boolean) => void;
  }) {
    this.#clock = options.clock;
    this.#dice = options.dice;
    this.#onWritten = options.onWritten ?? (() => undefined);
    this.#onTorn = options.onTorn ?? (() => undefined);
  }

  /** Writes wait from now on; the result lets them go on. */
  hold(): () => void {
    const held = Promise.withResolvers<void>();
    this.#held = held.promise;
    return () => held.resolve();
  }

  /** The store as one life of a process sees it. */
  open(life: Life): Store {
    const process: Process = { life, isPoisoned: false };
    life.onEnd(() => this.#die(process));
    let last: Promise<void> = Promise.resolve();
    const inTurn = (transaction: Transaction): Promise<void> => {
      const turn = last.then(() => this.#write(process, transaction));
      last = turn.catch(() => undefined);
      return turn;
    };
    const read = async <Result>(act: () => Promise<Result>): Promise<Result> => {
      assertUsable(process);
      const result = await act();
      if (this.readDelayMs > 0) await sleep(this.#clock, this.#dice.skewed(this.readDelayMs));
      return result;
    };
    const { store } = this;
    return life.store({
      kind: 'memory',
      shortage: undefined,
      watchesRoom: false,
      transact: inTurn,
      find: (collection, key) => read(() => store.find(collection, key)),
      list: (collection, options) => read(() => store.list(collection, options)),
      scan: (collection) => this.#scan(process, collection),
      count: (collection) => read(() => store.count(collection)),
      sizeBytes: () => store.sizeBytes(),
      backUp: () => store.backUp(),
      close: async () => undefined,
    });
  }

  async *#scan(process: Process, collection: string): AsyncGenerator<readonly RecordText[]> {
    for await (const page of this.store.scan(collection)) {
      if (this.readDelayMs > 0) await sleep(this.#clock, this.#dice.skewed(this.readDelayMs));
      assertUsable(process);
      yield page;
    }
  }

  async #write(process: Process, transaction: Transaction): Promise<void> {
    assertUsable(process);
    process.pending = transaction;
    const { onNextWrite } = this;
    this.onNextWrite = undefined;
    onNextWrite?.();
    await this.#held;
    await this.#wait();
    if (process.life.isOver) return;
    delete process.pending;
    if (this.isFull) throw new CubeError('storage-full', 'The disk is full.');
    const failure = this.nextFailure;
    this.nextFailure = undefined;
    process.isPoisoned = failure !== undefined;
    if (failure !== 'not-made') await this.#apply(transaction);
    assertUsable(process);
    await this.#wait();
  }

  /** What was being written when the process died is there or is not. */
  #die({ pending }: Process): void {
    if (pending === undefined) return;
    const isMade = !this.isFull && this.#dice.chance(0.5);
    this.#onTorn(isMade);
    if (!isMade) return;
    // A comparison that fails leaves it unwritten, and nobody is there to hear of it.
    this.#apply(pending).catch(() => undefined);
  }

  async #apply(transaction: Transaction): Promise<void> {
    await this.store.transact(transaction);
    this.#onWritten(transaction);
  }

  async #wait(): Promise<void> {
    if (this.delayMs > 0) await sleep(this.#clock, this.#dice.skewed(this.delayMs));
  }
}

interface Process {
  readonly life: Life;
  isPoisoned: boolean;
  /** Handed to the disk, and not yet on it. */
  pending?: Transaction;
}

function assertUsable({ isPoisoned }: Process): void {
  if (isPoisoned) throw new CubeError('storage-failed', 'The disk failed.');
}
