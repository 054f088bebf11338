import type { Readable } from 'node:stream';
import type Docker from 'dockerode';
import { CubeError, isCubeError, messageOf } from '../../errors/cube-error.ts';
import { type Clock, sleep } from '../../lib/clock.ts';
import { nodeHttp } from '../../lib/node-http.ts';
import type { LogLine, LogOptions } from '../../link/protocol.ts';
import type { InstanceKey } from '../runtime.ts';
import { moment } from './container-facts.ts';
import type { ContainerFinder } from './container-finder.ts';
import type { DockerEngine } from './docker-engine.ts';
import { Refusal, refusalError } from './engine-error.ts';
import { LineOrder } from './line-order.ts';
import { type TimedLine, TimedLines } from './timed-lines.ts';

/** A followed line is held so long for an older one to arrive. */
const HOLD_MS = 25;

/**
 * After so long without a line it is looked whether a followed container still runs: engines have
 * been seen to leave such a stream open after the end.
 */
const QUIET_MS = 2000;

/** Before a followed stream that broke is opened again. */
const REOPEN_MS_MIN = 100;
const REOPEN_MS_MAX = 5000;

export interface ContainerLogOptions extends LogOptions {
  readonly signal: AbortSignal;
}

/** Reads the output of containers. */
export class ContainerLogs {
  readonly #engine: DockerEngine;
  readonly #clock: Clock;
  readonly #finder: ContainerFinder;

  constructor(options: {
    readonly engine: DockerEngine;
    readonly clock: Clock;
    readonly finder: ContainerFinder;
  }) {
    this.#engine = options.engine;
    this.#clock = options.clock;
    this.#finder = options.finder;
  }

  /** See `Runtime.logs`. A followed stream that an engine cuts is taken up where it broke. */
  async *read(key: InstanceKey, options: ContainerLogOptions): AsyncGenerator<LogLine> {
    const { signal, follow } = options;
    signal.throwIfAborted();
    let lastTime = '';
    let resumeAfter = '';
    let waitMs = REOPEN_MS_MIN;
    for (;;) {
      try {
        const container = await this.#finder.find(key, signal);
        if (container === undefined) return;
        const stream = await this.#open(container.id, { ...options, resumeAfter });
        if (stream === undefined) return;
        const isOver = () => this.#hasEnded(key, signal);
        for await (const line of this.#lines(stream, { ...options, isOver })) {
          if (line.time !== '' && line.time <= resumeAfter) continue;
          if (line.time > lastTime) lastTime = line.time;
          yield toLogLine(line);
        }
        if (!follow || container.phase === 'ended' || (await this.#hasEnded(key, signal))) return;
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        if (!follow || !isCubeError(error, 'runtime-unavailable')) throw error;
        this.#engine.throwIfClosed();
      }
      resumeAfter = lastTime;
      const either = AbortSignal.any([signal, this.#engine.closedSignal]);
      await sleep(this.#clock, waitMs, either);
      waitMs = Math.min(REOPEN_MS_MAX, waitMs * 2);
    }
  }

  async #hasEnded(key: InstanceKey, signal: AbortSignal): Promise<boolean> {
    const container = await this.#finder.find(key, signal);
    return container === undefined || container.phase === 'ended';
  }

  /** undefined when the container is gone. */
  async #open(
    id: string,
    options: ContainerLogOptions & { readonly resumeAfter: string },
  ): Promise<Readable | undefined> {
    const { signal, follow, tail, resumeAfter } = options;
    const what = 'read the output of a container';
    const seconds = Math.floor(Date.parse(resumeAfter) / 1000);
    // Whole seconds, rounded down: what was given already is left out by its time.
    const part = Number.isNaN(seconds) ? { tail: tail ?? 'all' } : { since: seconds };
    const query = { follow, stdout: true, stderr: true, timestamps: true, ...part };
    const path = `/containers/${id}/logs?`;
    const stream = await this.#engine.open({
      what,
      signal,
      run: (docker, abortSignal) => dialStream(docker, { path, query, abortSignal }),
    });
    if (!(stream instanceof Refusal)) return stream;
    // 409: it is being removed.
    if (stream.status === 404 || stream.status === 409) return undefined;
    throw refusalError(what, stream);
  }

  async *#lines(
    stream: Readable,
    { signal, follow, isOver }: ContainerLogOptions & { readonly isOver: () => Promise<boolean> },
  ): AsyncGenerator<TimedLine> {
    const lines = new TimedLines();
    const order = new LineOrder();
    const chunks: AsyncIterator<Buffer> = stream[Symbol.asyncIterator]();
    const advance = (): Promise<IteratorResult<Buffer>> => {
      const chunk = chunks.next();
      // A reader that leaves while this is awaited by nobody destroys the stream, and that is all.
      chunk.catch(() => undefined);
      return chunk;
    };
    try {
      let next = advance();
      let heldSince = this.#clock.monotonic();
      let hasEnded = false;
      for (;;) {
        const isHolding = order.heldCount > 0;
        const waitMs = isHolding ? heldSince + HOLD_MS - this.#clock.monotonic() : QUIET_MS;
        const result = follow ? await this.#within(next, waitMs) : await next;
        if (result === undefined) {
          yield* order.flush();
          // What came before the end has had a quiet time of its own to arrive.
          if (isHolding || !(await isOver())) hasEnded = false;
          else if (hasEnded) break;
          else hasEnded = true;
          continue;
        }
        if (result.done === true) break;
        if (order.heldCount === 0) heldSince = this.#clock.monotonic();
        yield* order.push(lines.push(result.value));
        next = advance();
      }
      yield* order.push(lines.flush());
      yield* order.flush();
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (isCubeError(error)) throw error;
      // What was held is whole lines; they are read again, by their time.
      const text = `The output of a container broke off: ${messageOf(error)}`;
      throw new CubeError('runtime-unavailable', text, { cause: error });
    } finally {
      stream.destroy();
    }
  }

  /** The promise's value, or undefined after `waitMs`. */
  async #within<Value>(promise: Promise<Value>, waitMs: number): Promise<Value | undefined> {
    const over = Promise.withResolvers<undefined>();
    const timer = this.#clock.setTimer(Math.max(0, waitMs), () => over.resolve(undefined));
    try {
      return await Promise.race([promise, over.promise]);
    } finally {
      timer.cancel();
    }
  }
}

function toLogLine({ stream, time, text }: TimedLine): LogLine {
  const at = moment(time);
  return at === undefined ? { stream, text } : { stream, time: at, text };
}

interface StreamRequest {
  readonly path: string;
  readonly query: Readonly<Record<string, string | number | boolean>>;
  readonly abortSignal: AbortSignal;
}

/** The client's own method gathers the whole output in memory unless it is followed. */
function dialStream(docker: Docker, request: StreamRequest): Promise<NodeJS.ReadableStream> {
  const { path, query, abortSignal } = request;
  const statusCodes = { 200: true };
  const options = { ...query };
  return new Promise((resolve, reject) => {
    docker.modem.dial(
      { path, method: 'GET', options, isStream: true, statusCodes, abortSignal },
      (error, stream) => {
        if (stream instanceof nodeHttp.IncomingMessage) resolve(stream);
        else reject(error ?? new Error('Docker gave no stream.'));
      },
    );
  });
}
