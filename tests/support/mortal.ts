import type { Clock } from '../../src/lib/clock.ts';
import type { Store } from '../../src/store/store.ts';

/**
 * One life of a simulated process. When it is killed, nothing it waits for ever comes back, and
 * none of its timers rings any more: to the rest of the world it has stopped between two steps.
 */
export class Life {
  #isOver = false;
  readonly #onEnd = new Set<() => void>();

  get isOver(): boolean {
    return this.#isOver;
  }

  end(): void {
    this.#isOver = true;
    for (const end of this.#onEnd) end();
  }

  /** Called when the process is killed: its connections break. */
  onEnd(callback: () => void): void {
    this.#onEnd.add(callback);
  }

  /** What the outside answers, unless the process is dead before or after. */
  async call<Result>(act: () => Promise<Result>): Promise<Result> {
    if (this.#isOver) return new Promise(() => undefined);
    try {
      const result = await act();
      return this.#isOver ? await new Promise(() => undefined) : result;
    } catch (error) {
      if (this.#isOver) return new Promise(() => undefined);
      throw error;
    }
  }

  clock(clock: Clock): Clock {
    return {
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      setTimer: (delayMs, callback) =>
        clock.setTimer(delayMs, () => {
          if (!this.#isOver) callback();
        }),
    };
  }

  store(store: Store): Store {
    return {
      kind: store.kind,
      transact: (transaction) => this.call(() => store.transact(transaction)),
      find: (collection, key) => this.call(() => store.find(collection, key)),
      list: (collection, options) => this.call(() => store.list(collection, options)),
      count: (collection) => this.call(() => store.count(collection)),
      sizeBytes: () => this.call(() => store.sizeBytes()),
      close: () => this.call(() => store.close()),
    };
  }
}
