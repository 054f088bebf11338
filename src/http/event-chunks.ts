import type { CubeEvent } from '../event/event.ts';
import { toEventReply } from './task-replies.ts';

/** Some events as they are sent. */
export interface EventChunk {
  readonly bytes: Uint8Array;
  /** Of its last event. */
  readonly revision: number;
  /** The index of the event that follows it in its list. */
  readonly end: number;
}

/** Characters of a chunk from which on no event is added to it. */
const CHUNK_LENGTH = 65_536;

/** Chunks that are kept for others. */
const KEPT_COUNT = 16;

/**
 * Events as the text of Server-Sent Events. Whoever keeps up is given the same list as all others
 * who do; what is sent of it is made once, and forgotten soon after.
 */
export class EventChunks {
  readonly #kept: KeptChunk[] = [];

  /** What is sent of `events` from index `start` on, which has to be one of them. */
  at(events: readonly CubeEvent[], start: number): EventChunk {
    const kept = this.#kept.find((one) => one.events === events && one.start === start);
    if (kept !== undefined) return kept.chunk;
    const chunk = encode(events, start);
    this.#kept.push({ events, start, chunk });
    if (this.#kept.length > KEPT_COUNT) this.#kept.shift();
    return chunk;
  }
}

interface KeptChunk {
  readonly events: readonly CubeEvent[];
  readonly start: number;
  readonly chunk: EventChunk;
}

function encode(events: readonly CubeEvent[], start: number): EventChunk {
  let text = '';
  let revision = 0;
  let end = start;
  for (; end < events.length && text.length < CHUNK_LENGTH; end += 1) {
    const event = events[end];
    if (event === undefined) break;
    revision = event.revision;
    text += `id: ${revision}\ndata: ${JSON.stringify(toEventReply(event))}\n\n`;
  }
  return { bytes: Buffer.from(text), revision, end };
}
