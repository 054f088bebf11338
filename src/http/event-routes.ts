import { z } from 'zod';
import { CubeError, isCubeError } from '../errors/cube-error.ts';
import { describeValue } from '../errors/describe-value.ts';
import { invalidInput } from '../errors/input-issues.ts';
import { eventSchema, eventTypes } from '../event/event.ts';
import type { EventFeed } from '../event/event-feed.ts';
import { type Clock, systemClock } from '../lib/clock.ts';
import { taskIdSchema } from '../task/name.ts';
import { headerValues } from './doors.ts';
import { EventChunks } from './event-chunks.ts';
import { chooseMediaType } from './log-stream.ts';
import type { ManagerService } from './manager-service.ts';
import { flag, severalOf, text } from './query.ts';
import { type AnyRoute, defineRoute } from './route.ts';
import { sendStream } from './stream.ts';

const HEARTBEAT_MS = 15_000;

const AFTER_WANTED =
  'a revision, which is a whole number from 0 on, a time such as 2030-01-31T03:00:00Z, or "oldest"';

/** Text that is a revision becomes one; a time stays for the log to find. */
const start = z
  .union(
    [z.literal('oldest'), z.string().regex(/^\d{1,15}$/), z.iso.datetime({ offset: true })],
    AFTER_WANTED,
  )
  .transform((value) => (/^\d{1,15}$/.test(value) ? Number(value) : value));

/**
 * The stream of events, as Server-Sent Events. A browser's EventSource that is cut off comes back
 * with Last-Event-ID, which goes before `after`, and misses nothing.
 */
export function eventRoute(service: ManagerService, clock: Clock = systemClock): AnyRoute {
  const chunks = new EventChunks();
  return defineRoute({
    method: 'GET',
    path: '/events',
    access: 'token',
    summary: 'Events as Server-Sent Events from any revision on: no gap, no repeat.',
    query: {
      after: start
        .optional()
        .describe(
          'Begin after this revision or time, or with the oldest kept. Default: with new ones. Of a time before the oldest: with that.',
        ),
      follow: flag.default(true).describe('False: end with the newest event there is by now.'),
      task: taskIdSchema.optional(),
      node: text(63).optional(),
      type: severalOf(eventTypes).optional(),
    },
    replies: {
      200: {
        description:
          'Each event has its revision as id and an Event as data. One named "problem", without an id, tells why the stream ends.',
        mediaType: 'text/event-stream',
        schema: eventSchema,
      },
    },
    handle: async ({ query, raw, requestId, openSignal }, reply) => {
      const signal = openSignal();
      chooseMediaType(raw.headers.accept, ['text/event-stream']);
      const last = headerValues(raw, 'last-event-id').at(0);
      const after = startOf(last ?? (await revisionOf(query.after, service)), service);
      const { task, node, type: types } = query;
      const end = query.follow ? {} : { until: service.status().revision };
      const feed = service.follow({ after, ...end, filter: { task, node, types }, signal });
      const sent = new SentEvents(feed, chunks);
      return sendStream(reply, sent, {
        mediaType: 'text/event-stream; charset=utf-8',
        encode: (bytes) => bytes,
        heartbeat: { everyMs: HEARTBEAT_MS, text: () => sent.heartbeat() },
        encodeProblem: (problem) => `event: problem\ndata: ${JSON.stringify(problem)}\n\n`,
        graceMs: 0,
        clock,
        requestId,
        signal,
      });
    },
  });
}

/** What one client is sent. */
class SentEvents implements AsyncIterable<Uint8Array> {
  readonly #feed: EventFeed;
  readonly #chunks: EventChunks;
  #seen = 0;

  constructor(feed: EventFeed, chunks: EventChunks) {
    this.#feed = feed;
    this.#chunks = chunks;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const events of this.#feed) {
      for (let start = 0; start < events.length; ) {
        const { bytes, revision, end } = this.#chunks.at(events, start);
        this.#seen = revision;
        yield bytes;
        start = end;
      }
    }
  }

  /**
   * An id without data is no event, but moves the place from which a browser resumes: a client
   * whose filter lets little through does not fall behind what is kept.
   */
  heartbeat(): string {
    return `: heartbeat\nid: ${Math.max(this.#seen, this.#feed.position)}\n\n`;
  }
}

/** A time as the revision it had; all else as it is. */
async function revisionOf(
  given: string | number | undefined,
  service: ManagerService,
): Promise<string | number | undefined> {
  if (typeof given !== 'string' || given === 'oldest') return given;
  try {
    return await service.history.resolve({ timeMs: Date.parse(given) });
  } catch (error) {
    // Whoever asks by time wants what there is of it.
    if (isCubeError(error, 'pruned')) return 'oldest';
    throw error;
  }
}

/** The revision to begin after. @throws CubeError `invalid-input` or `pruned`. */
function startOf(given: string | number | undefined, service: ManagerService): number {
  const { floor, revision: newest } = service.status();
  if (given === undefined) return newest;
  if (given === 'oldest') return floor;
  const after = typeof given === 'string' && /^\d{1,15}$/.test(given) ? Number(given) : given;
  if (typeof after === 'string') {
    throw invalidInput('The Last-Event-ID header', [
      { field: 'Last-Event-ID', got: describeValue(after, []), want: AFTER_WANTED },
    ]);
  }
  if (after < floor) {
    throw new CubeError('pruned', `Events up to revision ${floor} are not kept any more.`, {
      hint: `Begin after revision ${floor}, the oldest that is kept, or read the tasks anew and follow from their revision.`,
    });
  }
  if (after > newest) {
    throw new CubeError(
      'pruned',
      `There is no revision ${after} here: the newest is ${newest}, so what you have seen is of another log.`,
      { hint: 'Read the tasks anew and follow from their revision.' },
    );
  }
  return after;
}
