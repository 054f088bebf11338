import { CubeError } from '../errors/cube-error.ts';

/** Of the connections that a server takes, streams get at most this share. */
const STREAM_SHARE = 3 / 4;

export interface OpenStreamsOptions {
  readonly connectionCountMax: number;
  readonly connectionsPerAddressMax: number;
}

/** The part of a reply that matters here. A connection that is no reply any more can be one too. */
export interface OpenReply {
  readonly socket: { readonly remoteAddress?: string | undefined } | null;
  setHeader(name: 'connection', value: 'close'): unknown;
  once(event: 'close', listener: () => void): unknown;
}

/**
 * The replies of a server that stay open: streams. They get a share of the connections, so that
 * however many watch, some are left for whoever asks a question or gives an order.
 */
export class OpenStreams {
  readonly #countMax: number;
  readonly #perAddressMax: number;
  readonly #open = new Map<AbortController, string>();

  constructor(options: OpenStreamsOptions) {
    this.#countMax = shareOf(options.connectionCountMax);
    this.#perAddressMax = shareOf(options.connectionsPerAddressMax);
  }

  get count(): number {
    return this.#open.size;
  }

  /**
   * The signal of one more stream: aborted when the reply is complete, or its client gone.
   *
   * @throws CubeError `unavailable`, when there are too many; the connection is then given up.
   */
  open(response: OpenReply): AbortSignal {
    const address = response.socket?.remoteAddress ?? '';
    const sameAddress = [...this.#open.values()].filter((one) => one === address);
    if (this.#open.size >= this.#countMax || sameAddress.length >= this.#perAddressMax) {
      response.setHeader('connection', 'close');
      throw new CubeError('unavailable', `Too many streams are open (${this.#open.size}).`, {
        hint: 'Close some, or try again later; requests that are no streams are still answered.',
      });
    }
    const controller = new AbortController();
    this.#open.set(controller, address);
    response.once('close', () => {
      this.#open.delete(controller);
      controller.abort();
    });
    return controller.signal;
  }

  /** Ends all of them. */
  abort(): void {
    for (const controller of this.#open.keys()) controller.abort();
  }
}

function shareOf(connectionCount: number): number {
  return Math.max(1, Math.floor(connectionCount * STREAM_SHARE));
}
