import type { StreamItem } from '../../link/protocol.ts';
import { Waker } from '../../worker/waker.ts';
import type { Worker } from '../../worker/worker.ts';
import type { Life } from '../cluster/life.ts';
import { unreachable } from '../network/simulated-network.ts';
import { plain } from '../plain.ts';
import type { InFlight } from './in-flight.ts';

export interface ExploredStreamOptions {
  readonly name: string;
  /** The life of the manager that reads it. */
  readonly owner: string;
  readonly inFlight: InFlight;
  /** The sequence after which it begins. */
  readonly after: number;
}

/**
 * One stream of reports. The worker's side writes as soon as it has something to say, whether the
 * manager reads or not, as into a socket; each item then waits until it is delivered, in order.
 */
export class ExploredStream {
  readonly #options: ExploredStreamOptions;
  readonly #closing = new AbortController();
  readonly #sent: (StreamItem | 'broken')[] = [];
  readonly #arrived: (StreamItem | 'broken')[] = [];
  readonly #waker = new Waker();
  #itemCount = 0;
  #isOffered = false;

  constructor(options: ExploredStreamOptions) {
    this.#options = options;
  }

  /** The worker's end. */
  open(life: Life, worker: Worker): void {
    const takeBack = life.onEnd(() => this.#send('broken'));
    this.#pump(worker)
      .catch(() => undefined)
      .finally(takeBack);
  }

  close(): void {
    this.#closing.abort();
    for (const flight of this.#options.inFlight.all()) {
      if (flight.name.startsWith(`${this.#options.name}:`)) this.#options.inFlight.take(flight);
    }
  }

  /** The manager's end. */
  async *items(signal: AbortSignal): AsyncGenerator<StreamItem, void, undefined> {
    const wake = (): void => this.#waker.wake();
    signal.addEventListener('abort', wake, { once: true });
    for (;;) {
      signal.throwIfAborted();
      const item = this.#arrived.shift();
      if (item === 'broken') throw unreachable(this.#options.name);
      if (item === undefined) await this.#waker.wait();
      else yield item;
    }
  }

  async #pump(worker: Worker): Promise<void> {
    for await (const item of worker.reports(this.#options.after, this.#closing.signal)) {
      this.#send(plain(item));
    }
    this.#send('broken');
  }

  #send(item: StreamItem | 'broken'): void {
    if (this.#closing.signal.aborted) return;
    this.#sent.push(item);
    if (!this.#isOffered) this.#offer();
  }

  /** Puts the first item that has not arrived on its way. */
  #offer(): void {
    const item = this.#sent.shift();
    this.#isOffered = item !== undefined;
    if (item === undefined) return;
    const { name, owner, inFlight } = this.#options;
    this.#itemCount += 1;
    inFlight.add({
      name: `${name}: ${this.#itemCount}`,
      content: item,
      actor: 'manager',
      owner,
      kind: 'message',
      isInstant: item !== 'broken' && item.type === 'heartbeat',
      deliver: () => {
        this.#arrive(item);
        this.#offer();
      },
      // A stream does not lose an item: it breaks.
      lose: () => this.#arrive('broken'),
    });
  }

  #arrive(item: StreamItem | 'broken'): void {
    this.#arrived.push(item);
    this.#waker.wake();
  }
}
