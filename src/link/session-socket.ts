import type { WebSocket } from 'ws';
import { CubeError } from '../errors/cube-error.ts';
import type { Clock, Timer } from '../lib/clock.ts';
import {
  decodeFrame,
  encodeFrame,
  FRAME_BYTES_MAX,
  type SessionFrame,
  type SessionInput,
  type SessionOutput,
} from './session.ts';

/** Data that may be on its way, in bytes, before the other side has taken any of it. */
const WINDOW_BYTES = 4 * FRAME_BYTES_MAX;

/** Frames without data, such as sizes of a terminal, that may wait to be read. */
const WAITING_COUNT_MAX = 1000;

/** Each side is asked for a sign of life so often, and is taken for lost without any. */
const PING_MS = 10_000;
const SILENCE_MS = 30_000;

/** A goodbye is waited for this long. */
const CLOSE_MS = 2000;

/**
 * One end of a session's connection. Everything that comes is read at once, so that a connection
 * that ends is noticed whatever waits; what keeps data from piling up is the window.
 */
export class SessionSocket implements AsyncDisposable {
  readonly #socket: WebSocket;
  readonly #clock: Clock;
  readonly #closing = new AbortController();
  readonly #waiting: SessionFrame[] = [];
  #wakeReader: (() => void) | undefined;
  #wakeSender: (() => void) | undefined;
  #sentBytes = 0;
  #waitingBytes = 0;
  #heardAt: number;
  #timer: Timer;

  constructor(socket: WebSocket, clock: Clock) {
    this.#socket = socket;
    this.#clock = clock;
    this.#heardAt = clock.monotonic();
    this.#timer = clock.setTimer(PING_MS, () => this.#ping());
    socket.on('message', (data) => this.#onMessage(data));
    socket.on('pong', () => this.#onSign());
    socket.on('ping', () => this.#onSign());
    // What went wrong is told by the end of the connection that follows.
    socket.on('error', () => socket.terminate());
    socket.on('close', () => this.#onClose());
    if (socket.readyState !== socket.OPEN) this.#onClose();
  }

  /** Aborted when the connection has ended, whoever ended it. */
  get closed(): AbortSignal {
    return this.#closing.signal;
  }

  /**
   * Resolves when the frame is on its way; data waits for room in the window.
   *
   * @throws CubeError `unreachable`, once the connection has ended.
   */
  async send(frame: SessionFrame): Promise<void> {
    const bytes = 'data' in frame ? frame.data.length : 0;
    while (bytes > 0 && this.#sentBytes > 0 && this.#sentBytes + bytes > WINDOW_BYTES) {
      this.closed.throwIfAborted();
      await new Promise<void>((resolve) => {
        this.#wakeSender = resolve;
      });
    }
    this.closed.throwIfAborted();
    this.#sentBytes += bytes;
    this.#socket.send(encodeFrame(frame), { binary: true });
  }

  /** As `send`, in as many pieces as data must be sent in. */
  async sendWhole(frame: SessionInput | SessionOutput): Promise<void> {
    if (!('data' in frame) || frame.data.length <= FRAME_BYTES_MAX) return this.send(frame);
    for (let start = 0; start < frame.data.length; start += FRAME_BYTES_MAX) {
      const data = frame.data.subarray(start, start + FRAME_BYTES_MAX);
      await this.send({ ...frame, data });
    }
  }

  /** The next frame; undefined when the connection has ended and all that came before was read. */
  async read(): Promise<SessionFrame | undefined> {
    while (this.#waiting.length === 0) {
      if (this.closed.aborted) return undefined;
      await new Promise<void>((resolve) => {
        this.#wakeReader = resolve;
      });
    }
    const frame = this.#waiting.shift();
    if (frame !== undefined && 'data' in frame) this.#waitingBytes -= frame.data.length;
    return frame;
  }

  /** Tells the other side that data has gone on its way, so that it may send more. */
  async taken(data: Uint8Array): Promise<void> {
    if (data.length === 0 || this.closed.aborted) return;
    await this.send({ type: 'taken', bytes: data.length });
  }

  /** Says goodbye, and cuts the connection if that is not answered. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.closed.aborted) return;
    const closed = new Promise<void>((resolve) => {
      this.closed.addEventListener('abort', () => resolve(), { once: true });
    });
    const timer = this.#clock.setTimer(CLOSE_MS, () => this.#socket.terminate());
    this.#socket.close(1000);
    await closed;
    timer.cancel();
  }

  #onMessage(data: unknown): void {
    this.#onSign();
    const frame = data instanceof Uint8Array ? decodeFrame(data) : undefined;
    if (frame?.type === 'taken') {
      this.#sentBytes = Math.max(0, this.#sentBytes - frame.bytes);
      this.#wakeSender?.();
      return;
    }
    if (frame !== undefined && 'data' in frame) this.#waitingBytes += frame.data.length;
    const isTooMuch = this.#waitingBytes > WINDOW_BYTES || this.#waiting.length > WAITING_COUNT_MAX;
    if (frame === undefined || isTooMuch) {
      this.#socket.close(1002, frame === undefined ? 'not understood' : 'beyond the window');
      this.#onClose();
      return;
    }
    this.#waiting.push(frame);
    this.#wakeReader?.();
  }

  #onSign(): void {
    this.#heardAt = this.#clock.monotonic();
  }

  #ping(): void {
    if (this.closed.aborted) return;
    if (this.#clock.monotonic() - this.#heardAt > SILENCE_MS) {
      this.#socket.terminate();
      return;
    }
    this.#socket.ping();
    this.#timer = this.#clock.setTimer(PING_MS, () => this.#ping());
  }

  #onClose(): void {
    this.#timer.cancel();
    if (!this.closed.aborted) {
      const lost = 'The connection of the session was lost, and its command is ended.';
      this.#closing.abort(new CubeError('unreachable', lost, { hint: 'Run it again.' }));
    }
    this.#wakeReader?.();
    this.#wakeSender?.();
  }
}
