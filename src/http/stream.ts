import type { FastifyReply } from 'fastify';
import { type Clock, sleep, type Timer } from '../lib/clock.ts';
import { securityHeaders } from './headers.ts';
import { type Problem, toCubeError, toProblem } from './problem.ts';

export interface StreamOptions<Item> {
  readonly mediaType: string;
  /** The text or the bytes of one item; undefined leaves it out. */
  readonly encode: (item: Item) => string | Uint8Array | undefined;
  /** Sent when nothing else was for a while, so that both ends see that the other lives. */
  readonly heartbeat?: { readonly everyMs: number; readonly text: () => string };
  /** Written when the source fails midway. Default: the connection is cut, which clients notice. */
  readonly encodeProblem?: (problem: Problem) => string;
  /**
   * How long the head waits for the first item, in milliseconds, so that a source that fails at
   * once gives a proper error reply instead of a stream.
   */
  readonly graceMs: number;
  readonly clock: Clock;
  readonly requestId: string;
  /** Aborted when the client is gone or the server closes. The source must end then. */
  readonly signal: AbortSignal;
}

/**
 * A client that takes nothing for so long is cut off, in milliseconds; it can come back and go on
 * where it was. Until then at most one item and the socket's own buffer wait for it.
 */
const STALL_MS = 30_000;

/**
 * Sends every item of `source` until it ends or the signal is aborted. One item is taken at a
 * time, and the next only when the client has taken the former.
 *
 * @throws what the source throws before anything was sent.
 */
export async function sendStream<Item>(
  reply: FastifyReply,
  source: AsyncIterable<Item>,
  options: StreamOptions<Item>,
): Promise<undefined> {
  const iterator = source[Symbol.asyncIterator]();
  try {
    let next = iterator.next();
    // Handled below; without this an early failure would count as unhandled.
    next.catch(() => undefined);
    await Promise.race([next, pause(options)]);
    const sink = new Sink(reply, options);
    try {
      for (;;) {
        const result = await next;
        if (result.done === true || options.signal.aborted) break;
        if (!(await sink.write(options.encode(result.value)))) break;
        next = iterator.next();
      }
      sink.end();
    } catch (error) {
      sink.fail(error);
    }
  } finally {
    // Not waited for: a source that hangs must not keep the connection.
    iterator.return?.()?.then(undefined, () => undefined);
  }
  return undefined;
}

async function pause({ clock, graceMs, signal }: StreamOptions<never>): Promise<void> {
  if (signal.aborted) return;
  await sleep(clock, graceMs, signal).catch(() => undefined);
}

/** The writing end: head, back-pressure, heartbeats, and the end of it all. */
class Sink<Item> {
  readonly #raw: FastifyReply['raw'];
  readonly #options: StreamOptions<Item>;
  #heartbeat: Timer | undefined;

  constructor(reply: FastifyReply, options: StreamOptions<Item>) {
    reply.hijack();
    this.#raw = reply.raw;
    this.#options = options;
    this.#raw.writeHead(200, { ...securityHeaders, 'content-type': options.mediaType });
    this.#raw.flushHeaders();
    this.#arm();
  }

  /** Resolves with true once there is room again; with false when the client is gone. */
  async write(text: string | Uint8Array | undefined): Promise<boolean> {
    if (text === undefined) return !this.#raw.destroyed;
    if (this.#raw.destroyed) return false;
    this.#arm();
    if (this.#raw.write(text)) return true;
    return this.#drained();
  }

  end(): void {
    this.#heartbeat?.cancel();
    if (!this.#raw.destroyed) this.#raw.end();
  }

  fail(error: unknown): void {
    this.#heartbeat?.cancel();
    const { signal, encodeProblem, requestId } = this.#options;
    if (this.#raw.destroyed) return;
    if (signal.aborted) this.#raw.end();
    else if (encodeProblem === undefined) this.#raw.destroy();
    else this.#raw.end(encodeProblem(toProblem(toCubeError(error), requestId)));
  }

  #arm(): void {
    const { heartbeat, clock } = this.#options;
    if (heartbeat === undefined) return;
    this.#heartbeat?.cancel();
    this.#heartbeat = clock.setTimer(heartbeat.everyMs, () => {
      if (this.#raw.destroyed || this.#raw.writableEnded) return;
      // A client that lags hears enough as it is.
      if (!this.#raw.writableNeedDrain) this.#raw.write(heartbeat.text());
      this.#arm();
    });
  }

  #drained(): Promise<boolean> {
    return new Promise((resolve) => {
      const settle = (isOpen: boolean): void => {
        timer.cancel();
        this.#raw.off('drain', onDrain);
        this.#raw.off('close', onClose);
        this.#options.signal.removeEventListener('abort', onClose);
        resolve(isOpen);
      };
      const onDrain = (): void => settle(true);
      const onClose = (): void => settle(false);
      const timer = this.#options.clock.setTimer(STALL_MS, () => {
        this.#raw.destroy();
        settle(false);
      });
      this.#raw.on('drain', onDrain);
      this.#raw.on('close', onClose);
      this.#options.signal.addEventListener('abort', onClose);
    });
  }
}
