import { createParser } from 'eventsource-parser';
import { z } from 'zod';
import type { CubeError } from '../errors/cube-error.ts';
import { type EventType, eventSchema, eventTypes } from '../event/event.ts';
import { sleep } from '../lib/clock.ts';
import type { Connection } from './connection.ts';
import { parseReply, toBadReply, toReplyError } from './reply-error.ts';
import { isConnectionLoss, openStream } from './request.ts';

/** An event as the manager tells it: secrets are hidden. */
export type EventReply = Readonly<z.output<typeof eventSchema>>;

/** A moment that the event log still reaches: a revision, or a time by RFC 3339. */
export type Moment = number | string;

export interface EventOptions {
  /**
   * Begin after this moment; of a time before the oldest event that is kept, with that one.
   * Default: with the oldest.
   */
  readonly after?: Moment | undefined;
  /** Default true. False: end with the newest event that there is by now. */
  readonly follow?: boolean | undefined;
  readonly taskId?: string | undefined;
  readonly node?: string | undefined;
  readonly types?: readonly EventType[] | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Told each time the stream broke off and is about to be opened again. */
  readonly onInterrupted?: ((interruption: Interruption) => void) | undefined;
}

export interface Interruption {
  /** Why; absent when the manager simply ended the stream. */
  readonly error?: CubeError;
  /** The stream goes on after this revision, without a gap or a repeat; absent before the first. */
  readonly after: Moment | undefined;
  readonly retryInMs: number;
}

/** The manager speaks every 15 s at least; after three times that the connection is dead. */
const IDLE_MS = 45_000;
const RETRY_MS = 250;
const RETRY_MS_MAX = 5000;
const EVENT_LENGTH_MAX = 4 * 1024 ** 2;

/**
 * Events from a revision on, for ever: when the connection is lost it is opened again from the
 * last event seen. The very first connection must succeed.
 *
 * @throws CubeError `pruned`, when events that were asked for, or that passed while the
 *   connection was lost, are not kept any more.
 */
export async function* followEvents(
  connection: Connection,
  options: EventOptions,
): AsyncGenerator<EventReply, void, undefined> {
  let { after } = options;
  let failureCount = 0;
  let wasOpen = false;
  const onOpen = (): void => {
    wasOpen = true;
  };
  while (true) {
    let error: CubeError | undefined;
    try {
      for await (const event of openEvents(connection, { ...options, after }, onOpen)) {
        failureCount = 0;
        after = event.revision;
        yield event;
      }
      if (options.follow === false) return;
    } catch (thrown) {
      if (!wasOpen || options.signal?.aborted === true || !isConnectionLoss(thrown)) throw thrown;
      error = thrown;
    }
    const retryInMs = Math.min(RETRY_MS_MAX, RETRY_MS * 2 ** failureCount);
    failureCount += 1;
    options.onInterrupted?.({ ...(error === undefined ? {} : { error }), after, retryInMs });
    await sleep(connection.clock, retryInMs, options.signal);
  }
}

/** One connection's worth of events. */
async function* openEvents(
  connection: Connection,
  options: EventOptions,
  onOpen: () => void,
): AsyncGenerator<EventReply, void, undefined> {
  let last = typeof options.after === 'number' ? options.after : 0;
  let ready: EventReply[] = [];
  const parser = createParser({
    maxBufferSize: EVENT_LENGTH_MAX,
    onEvent: ({ id, event: name, data }) => {
      if (name === 'problem') throw toReplyError(connection, data);
      // What has no revision is news about the connection, not an event.
      const event = id === undefined ? undefined : parseEvent(connection, data);
      if (event === undefined || event.revision <= last) return;
      last = event.revision;
      ready.push(event);
    },
    onError: (error) => {
      if (error.type !== 'max-buffer-size-exceeded') return;
      throw toBadReply(connection, `an event is longer than ${EVENT_LENGTH_MAX} characters`);
    },
  });
  const decoder = new TextDecoder('utf-8');
  const request = {
    path: '/events',
    query: toQuery(options),
    accept: 'text/event-stream',
    signal: options.signal,
  };
  for await (const chunk of openStream(connection, request, { idleMs: IDLE_MS, onOpen })) {
    parser.feed(decoder.decode(chunk, { stream: true }));
    const events = ready;
    ready = [];
    yield* events;
  }
}

/** @returns undefined for an event of a type that only a newer version knows. */
function parseEvent(connection: Connection, data: string): EventReply | undefined {
  const { type } = parseReply(connection, z.object({ type: z.string() }), data);
  const known: readonly string[] = eventTypes;
  return known.includes(type) ? parseReply(connection, eventSchema, data) : undefined;
}

function toQuery(options: EventOptions): [string, string][] {
  const query: [string, string][] = [['after', String(options.after ?? 'oldest')]];
  if (options.follow === false) query.push(['follow', 'false']);
  if (options.taskId !== undefined) query.push(['task', options.taskId]);
  if (options.node !== undefined) query.push(['node', options.node]);
  for (const type of options.types ?? []) query.push(['type', type]);
  return query;
}
