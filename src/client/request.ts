import type { z } from 'zod';
import { CubeError, isCubeError } from '../errors/cube-error.ts';
import type { Connection, FetchReply } from './connection.ts';
import { toTimedOut, toUnreachable } from './network-error.ts';
import { parseReply, toBadReply, toReplyError } from './reply-error.ts';

export interface ApiRequest {
  readonly method?: 'GET' | 'POST' | 'DELETE';
  /** Begins with a slash; its parts are encoded already. */
  readonly path: string;
  readonly query?: readonly (readonly [string, string])[];
  readonly body?: unknown;
  readonly accept?: string;
  readonly signal?: AbortSignal | undefined;
  /** The span that the request is a part of, as W3C Trace Context has it. */
  readonly traceparent?: string | undefined;
  /** The largest answer that is read, in bytes. Default 64 MiB, the size of a very long list. */
  readonly bytesMax?: number;
}

export interface ApiReply<Value> {
  readonly status: number;
  readonly value: Value;
}

const REPLY_BYTES_MAX = 64 * 1024 ** 2;
const PROBLEM_BYTES_MAX = 1024 ** 2;

/**
 * Asks and reads the whole answer, which must be JSON of this schema.
 *
 * @throws CubeError with the code of the problem that the other side tells of, or `unreachable`,
 *   or `bad-reply`; the signal's reason when it is aborted.
 */
export async function requestJson<Schema extends z.ZodType>(
  connection: Connection,
  request: ApiRequest,
  schema: Schema,
): Promise<ApiReply<z.output<Schema>>> {
  const { status, text } = await requestText(connection, request);
  return { status, value: parseReply(connection, schema, text) };
}

/** As `requestJson`, whatever the answer is, as long as it says that all went well. */
export function requestText(
  connection: Connection,
  request: ApiRequest,
): Promise<{ readonly status: number; readonly text: string }> {
  return connection.inTurn(() => requestNow(connection, request));
}

async function requestNow(
  connection: Connection,
  request: ApiRequest,
): Promise<{ readonly status: number; readonly text: string }> {
  // It may have been given up while it waited for its turn.
  request.signal?.throwIfAborted();
  using deadline = new Deadline(connection, request.signal);
  try {
    const response = await send(connection, request, deadline.signal);
    const bytesMax = request.bytesMax ?? REPLY_BYTES_MAX;
    return { status: response.status, text: await readText(connection, response, bytesMax) };
  } catch (error) {
    throw deadline.explain(error);
  }
}

export interface StreamOptions {
  /** The stream counts as broken when it is silent for this long. Default: never. */
  readonly idleMs?: number;
  /** Told when the other side has begun to answer. */
  readonly onOpen?: () => void;
}

/**
 * Asks for an answer that goes on, and yields its bytes as they come. Leaving the loop hangs up.
 *
 * @throws as `requestJson`; `unreachable` also when the stream breaks off.
 */
export async function* openStream(
  connection: Connection,
  request: ApiRequest,
  options: StreamOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  using deadline = new Deadline(connection, request.signal);
  let reader: ReturnType<NonNullable<FetchReply['body']>['getReader']> | undefined;
  try {
    const response = await send(connection, request, deadline.signal);
    options.onOpen?.();
    if (response.body === null) return;
    reader = response.body.getReader();
    while (true) {
      deadline.restart(options.idleMs);
      const { done, value } = await reader.read();
      if (done === true || value === undefined) return;
      deadline.restart(undefined);
      yield value;
    }
  } catch (error) {
    throw deadline.explain(error);
  } finally {
    // First, since Node tells nobody of an abort of what is here already and was not read.
    reader?.cancel().catch(() => undefined);
    deadline.hangUp();
  }
}

/** One request's time: aborts it when it takes too long, and says so. */
class Deadline implements Disposable {
  readonly signal: AbortSignal;
  readonly #connection: Connection;
  readonly #outer: AbortSignal | undefined;
  readonly #abort = new AbortController();
  #timer: { cancel(): void } | undefined;
  #expiredMs: number | undefined;

  constructor(connection: Connection, outer: AbortSignal | undefined) {
    outer?.throwIfAborted();
    this.#connection = connection;
    this.#outer = outer;
    const own = this.#abort.signal;
    this.signal = outer === undefined ? own : AbortSignal.any([outer, own]);
    this.restart(connection.timeoutMs);
  }

  restart(timeoutMs: number | undefined): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (timeoutMs === undefined) return;
    this.#timer = this.#connection.clock.setTimer(timeoutMs, () => {
      this.#expiredMs = timeoutMs;
      this.#abort.abort();
    });
  }

  hangUp(): void {
    this.#abort.abort();
  }

  /** What to throw in place of `error`. */
  explain(error: unknown): unknown {
    if (this.#outer?.aborted === true) return this.#outer.reason;
    if (this.#expiredMs !== undefined) return toTimedOut(this.#connection, this.#expiredMs);
    return isCubeError(error) ? error : toUnreachable(this.#connection, error);
  }

  [Symbol.dispose](): void {
    this.restart(undefined);
  }
}

/** @throws CubeError for every answer that is not a success. */
async function send(
  connection: Connection,
  request: ApiRequest,
  signal: AbortSignal,
): Promise<FetchReply> {
  const { method = 'GET', path, query = [], body, accept = 'application/json' } = request;
  const { traceparent } = request;
  const search = toSearch(query);
  const response = await connection.fetch(`${connection.baseUrl}${path}${search}`, {
    method,
    signal,
    redirect: 'manual',
    cache: 'no-store',
    headers: {
      accept: `${accept}, application/problem+json`,
      'cube-role': connection.peer,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(traceparent === undefined ? {} : { traceparent }),
      ...(connection.token === undefined ? {} : { authorization: `Bearer ${connection.token}` }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (response.ok) return response;
  if (response.status >= 400) {
    const text = await readText(connection, response, PROBLEM_BYTES_MAX);
    throw toReplyError(connection, text, response.status);
  }
  await response.body?.cancel();
  // A browser hides the status of a redirect behind 0.
  const status = response.status === 0 ? 'a redirect' : `status ${response.status}`;
  throw toBadReply(connection, `it answered with ${status}`);
}

function toSearch(query: readonly (readonly [string, string])[]): string {
  const parameters = new URLSearchParams();
  for (const [key, value] of query) parameters.append(key, value);
  return parameters.size === 0 ? '' : `?${parameters}`;
}

async function readText(
  connection: Connection,
  response: FetchReply,
  bytesMax: number,
): Promise<string> {
  if (response.body === null) return '';
  const decoder = new TextDecoder('utf-8');
  const reader = response.body.getReader();
  let byteCount = 0;
  let text = '';
  while (true) {
    const { done, value } = await reader.read();
    if (done === true || value === undefined) return text + decoder.decode();
    byteCount += value.byteLength;
    if (byteCount > bytesMax) {
      await reader.cancel();
      throw toBadReply(connection, `the answer is longer than ${bytesMax} bytes`);
    }
    text += decoder.decode(value, { stream: true });
  }
}

/** Whether trying again later may help: nothing answered, or not as it should. */
export function isConnectionLoss(error: unknown): error is CubeError {
  return (
    error instanceof CubeError &&
    ['unreachable', 'bad-reply', 'unavailable', 'too-many-requests', 'request-timeout'].includes(
      error.code,
    )
  );
}
