import { CubeError } from '../../errors/cube-error.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Store } from '../../store/store.ts';

/**
 * One life of a simulated process. When it is killed, nothing it waits for ever comes back, and
 * none of its timers rings any more: to the rest of the world it has stopped between two steps.
 * While it is paused, all that comes back waits until it goes on.
 */
export class Life {
  #isOver = false;
  readonly #onEnd = new Set<() => void>();
  #paused: PromiseWithResolvers<void> | undefined;

  get isOver(): boolean {
    return this.#isOver;
  }

  end(): void {
    this.#isOver = true;
    for (const end of [...this.#onEnd]) end();
    this.#onEnd.clear();
  }

  /** Called when the process is killed: its connections break. The result takes it back. */
  onEnd(callback: () => void): () => void {
    this.#onEnd.add(callback);
    return () => {
      this.#onEnd.delete(callback);
    };
  }

  /** SIGSTOP. */
  pause(): void {
    this.#paused ??= Promise.withResolvers();
  }

  /** SIGCONT. */
  resume(): void {
    this.#paused?.resolve();
    this.#paused = undefined;
  }

  /** Resolves when the process is not paused, at once if it is not. */
  async whileAwake(): Promise<void> {
    while (this.#paused !== undefined) await this.#paused.promise;
  }

  /** What the outside answers, unless the process is dead before or after. */
  async call<Result>(act: () => Promise<Result>): Promise<Result> {
    if (this.#isOver) return new Promise(() => undefined);
    try {
      const result = await act();
      if (this.#paused !== undefined) await this.whileAwake();
      return this.#isOver ? await new Promise(() => undefined) : result;
    } catch (error) {
      if (this.#paused !== undefined) await this.whileAwake();
      if (this.#isOver) return new Promise(() => undefined);
      throw error;
    }
  }

  /** What others get who ask this process: an answer, or a broken connection if it is killed. */
  async serve<Result>(act: () => Promise<Result>): Promise<Result> {
    if (this.#paused !== undefined) await this.whileAwake();
    if (this.#isOver) throw brokenOff();
    return await new Promise<Result>((resolve, reject) => {
      const takeBack = this.onEnd(() => reject(brokenOff()));
      act().then(resolve, reject).finally(takeBack);
    });
  }

  clock(clock: Clock): Clock {
    return {
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      setTimer: (delayMs, callback) => {
        let isCancelled = false;
        const ring = (): void => {
          if (!this.#isOver && !isCancelled) callback();
        };
        const timer = clock.setTimer(delayMs, () => {
          if (this.#paused === undefined) ring();
          else void this.whileAwake().then(ring);
        });
        return {
          cancel: () => {
            isCancelled = true;
            timer.cancel();
          },
        };
      },
    };
  }

  async *#items<Item>(source: AsyncIterable<Item>): AsyncGenerator<Item> {
    const items = source[Symbol.asyncIterator]();
    for (;;) {
      const next = await this.call(() => items.next());
      if (next.done === true) return;
      yield next.value;
    }
  }

  store(store: Store): Store {
    return {
      kind: store.kind,
      watchesRoom: store.watchesRoom,
      get shortage() {
        return store.shortage;
      },
      transact: (transaction) => this.call(() => store.transact(transaction)),
      find: (collection, key) => this.call(() => store.find(collection, key)),
      list: (collection, options) => this.call(() => store.list(collection, options)),
      scan: (collection) => this.#items(store.scan(collection)),
      count: (collection) => this.call(() => store.count(collection)),
      sizeBytes: () => this.call(() => store.sizeBytes()),
      backUp: () => this.call(() => store.backUp()),
      close: () => this.call(() => store.close()),
    };
  }
}

function brokenOff(): CubeError {
  return new CubeError('unreachable', 'The connection broke off.');
}
