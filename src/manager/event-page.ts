import type { CubeEvent } from '../event/event.ts';
import { type EventFilter, isWanted } from '../event/event-filter.ts';

/** A stretch of the log that several followers may read, and what each kind of them wants of it. */
export class EventPage {
  /** Oldest first, without gaps. */
  readonly events: readonly CubeEvent[];
  readonly #selections = new Map<string, readonly CubeEvent[]>();

  constructor(events: readonly CubeEvent[]) {
    this.events = events;
  }

  /** The events that the filter lets through; the same list for the same filter. */
  select(filter: EventFilter): readonly CubeEvent[] {
    const { task, node, types } = filter;
    if (task === undefined && node === undefined && types === undefined) return this.events;
    // As JSON, so that a node may have any name: nobody gets what another filter lets through.
    const key = JSON.stringify([task ?? null, node ?? null, types ?? null]);
    const known = this.#selections.get(key);
    if (known !== undefined) return known;
    const selection = this.events.filter((event) => isWanted(event, filter));
    this.#selections.set(key, selection);
    return selection;
  }
}
