/** One waits, others wake. A wake while nobody waits is kept for the next wait. */
export class Waker {
  #isAwake = false;
  #resolve: (() => void) | undefined;

  wake(): void {
    this.#isAwake = true;
    this.#resolve?.();
    this.#resolve = undefined;
  }

  /** Resolves at the next wake, or at once if there was one since the last wait. */
  async wait(): Promise<void> {
    if (!this.#isAwake) {
      await new Promise<void>((resolve) => {
        this.#resolve = resolve;
      });
    }
    this.#isAwake = false;
  }
}
