import type { CubeEvent } from './event.ts';
import type { EventFilter } from './event-filter.ts';

/** Which events somebody follows, from where to where. */
export interface FollowOptions {
  /** Events with a revision above this one. */
  readonly after: number;
  /** Ends with this revision, which there is by now. Default: goes on with what comes. */
  readonly until?: number;
  /** Default: all events. */
  readonly filter?: EventFilter;
  /** Ends the feed when it is aborted. */
  readonly signal: AbortSignal;
}

/** Events, several at a time. Those who keep up and want the same are given the very same lists. */
export interface EventFeed extends AsyncIterable<readonly CubeEvent[]> {
  /**
   * Up to this revision there is nothing wanted that was not given; it moves on also while nothing
   * comes.
   */
  readonly position: number;
}

/** The events of a feed one by one. */
export async function* eachEvent(feed: EventFeed): AsyncGenerator<CubeEvent, void, undefined> {
  for await (const events of feed) yield* events;
}
