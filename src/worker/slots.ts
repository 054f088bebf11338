/** A bounded number of places, taken in the order of asking. */
export class Slots {
  readonly #count: number;
  #taken = 0;
  readonly #queue = new Set<() => void>();

  constructor(count: number) {
    this.#count = count;
  }

  /**
   * Waits for a place and takes it; the result gives it back (once).
   *
   * @throws the signal's reason, when it is aborted before a place is free; no place is taken.
   */
  async take(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (this.#taken >= this.#count) await this.#wait(signal);
    else this.#taken += 1;
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.#giveBack();
    };
  }

  #wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const onTurn = (): void => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      };
      const onAbort = (): void => {
        this.#queue.delete(onTurn);
        reject(signal.reason);
      };
      this.#queue.add(onTurn);
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  #giveBack(): void {
    const [next] = this.#queue;
    if (next === undefined) {
      this.#taken -= 1;
      return;
    }
    // The place passes on without becoming free in between.
    this.#queue.delete(next);
    next();
  }
}
