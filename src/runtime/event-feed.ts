import type { InstanceKey, RuntimeEvent } from './runtime.ts';

/** Events of so many instances wait for a slow reader; beyond it they become one `resync`. */
const PENDING_COUNT_MAX = 10_000;

const RESYNC: RuntimeEvent = { type: 'resync' };

/** The one text that stands for (task, attempt), in maps, labels and file names. */
export function instanceName(key: InstanceKey): string {
  return `${key.taskId}.${key.attempt}`;
}

/**
 * Hands a runtime's events to any number of readers. Events only wake, so those of one instance
 * that wait for a slow reader are merged, and what waits is bounded.
 */
export class EventFeed {
  readonly #subscriptions = new Set<Subscription>();
  #closed: Error | undefined;

  publish(event: RuntimeEvent): void {
    for (const subscription of this.#subscriptions) subscription.push(event);
  }

  /**
   * Everything published from this call on. The iteration throws the signal's reason once it is
   * aborted, and the error given to `close` once the feed is closed.
   */
  subscribe(signal: AbortSignal): AsyncIterableIterator<RuntimeEvent> {
    const subscription = new Subscription(signal, () => this.#subscriptions.delete(subscription));
    if (this.#closed !== undefined) subscription.fail(this.#closed);
    else if (!signal.aborted) this.#subscriptions.add(subscription);
    return subscription;
  }

  /** Ends every reader with `error`, now and later. */
  close(error: Error): void {
    this.#closed ??= error;
    for (const subscription of this.#subscriptions) subscription.fail(this.#closed);
    this.#subscriptions.clear();
  }
}

class Subscription implements AsyncIterableIterator<RuntimeEvent> {
  readonly #pending = new Map<string, RuntimeEvent>();
  readonly #signal: AbortSignal;
  readonly #onEnd: () => void;
  #failure: { readonly error: unknown } | undefined;
  #ended = false;
  #wake: (() => void) | undefined;

  constructor(signal: AbortSignal, onEnd: () => void) {
    this.#signal = signal;
    this.#onEnd = onEnd;
    if (signal.aborted) this.fail(signal.reason);
    else signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  readonly #onAbort = (): void => {
    this.fail(this.#signal.reason);
    this.#onEnd();
  };

  push(event: RuntimeEvent): void {
    if (event.type === 'resync' || this.#pending.size >= PENDING_COUNT_MAX) {
      // It says that anything may have changed, so it stands for all that waits.
      this.#pending.clear();
      this.#pending.set('', RESYNC);
    } else {
      const name = instanceName(event.key);
      const waiting = this.#pending.get(name);
      // That it began to run is then not all that has happened.
      const isOther = waiting?.type === 'changed' && waiting.isStart !== true;
      if (!isOther) this.#pending.set(name, event);
    }
    this.#wake?.();
  }

  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#wake?.();
  }

  async next(): Promise<IteratorResult<RuntimeEvent>> {
    for (;;) {
      if (this.#ended) return { done: true, value: undefined };
      if (this.#failure !== undefined) {
        this.#end();
        throw this.#failure.error;
      }
      const first = this.#pending.entries().next();
      if (first.done !== true) {
        const [name, event] = first.value;
        this.#pending.delete(name);
        return { done: false, value: event };
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
  }

  async return(): Promise<IteratorResult<RuntimeEvent>> {
    this.#end();
    this.#wake?.();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #end(): void {
    this.#ended = true;
    this.#pending.clear();
    this.#signal.removeEventListener('abort', this.#onAbort);
    this.#onEnd();
  }
}
