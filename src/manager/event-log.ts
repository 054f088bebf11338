import { CubeError } from '../errors/cube-error.ts';
import type { CubeEvent } from '../event/event.ts';
import type { EventFeed, FollowOptions } from '../event/event-feed.ts';
import type { EventFilter } from '../event/event-filter.ts';
import type { ManagerRepository } from '../store/manager-repository.ts';
import type { ClusterState } from './cluster-state.ts';
import { EventPage } from './event-page.ts';
import { EventSleepers } from './event-sleepers.ts';

/** Events kept in memory so that those who follow closely need no disk. */
const RECENT_MAX = 10_000;

const PAGE = 1000;

/**
 * The log to those who follow it. Each follower reads on from its own revision at its own pace, so
 * that a slow one holds nothing in memory and nobody gets a gap or a repeat.
 */
export class EventLog {
  readonly #state: ClusterState;
  readonly #repository: Pick<ManagerRepository, 'events'>;
  readonly #recent: CubeEvent[] = [];
  readonly #sleepers = new EventSleepers();
  /** The page that was read last since something was published: who wakes together reads it. */
  #latest: { readonly after: number; readonly page: EventPage } | undefined;
  #isClosed = false;

  constructor(state: ClusterState, repository: Pick<ManagerRepository, 'events'>) {
    this.#state = state;
    this.#repository = repository;
  }

  /** Takes events that are durable and applied. */
  publish(events: readonly CubeEvent[]): void {
    for (const event of events) this.#recent.push(event);
    // Cut rarely, so that the cost of moving the rest is spread over many events.
    if (this.#recent.length > 2 * RECENT_MAX) {
      this.#recent.splice(0, this.#recent.length - RECENT_MAX);
    }
    // What was pruned is given to nobody any more; kept here it would hold on to its specs.
    const [first] = this.#recent;
    const prunedCount = first === undefined ? 0 : this.#state.floor - first.revision + 1;
    if (prunedCount > 0) this.#recent.splice(0, prunedCount);
    this.#latest = undefined;
    this.#sleepers.wakeFor(events);
  }

  /** Ends every follower after what it has been given. */
  close(): void {
    this.#isClosed = true;
    this.#sleepers.wakeAll(this.#state.revision);
  }

  /**
   * The events that somebody wants, as they become durable. Reading it throws CubeError `pruned`,
   * when some of them are gone.
   */
  follow(options: FollowOptions): EventFeed {
    return new Follower(options, {
      state: this.#state,
      sleepers: this.#sleepers,
      isClosed: () => this.#isClosed,
      read: (after) => this.#readPage(after),
    });
  }

  /** Up to `limit` durable events above `after`, oldest first. */
  async read(after: number, limit: number): Promise<readonly CubeEvent[]> {
    if (after < this.#state.floor) throw this.#prunedError(after, this.#state.floor);
    const recent = this.#readRecent(after, limit);
    if (recent !== undefined) return recent;
    const events = await this.#repository.events(after, limit);
    // Some may have been pruned while the store was asked.
    const [oldest] = events;
    if (oldest !== undefined && oldest.revision !== after + 1) {
      throw this.#prunedError(after, oldest.revision - 1);
    }
    // The store may already have what is not applied yet; nobody is told of it before.
    return events.filter((event) => event.revision <= this.#state.revision);
  }

  /** Undefined where the store has to be asked. */
  #readRecent(after: number, limit: number): readonly CubeEvent[] | undefined {
    if (after >= this.#state.revision) return [];
    const first = this.#recent[0];
    if (first === undefined || after < first.revision - 1) return undefined;
    const start = after - (first.revision - 1);
    return this.#recent.slice(start, start + limit);
  }

  #prunedError(after: number, floor: number): CubeError {
    return new CubeError(
      'pruned',
      `Events up to revision ${floor} have been pruned, and you ask from ${after}.`,
      { hint: `List the tasks again, then follow from revision ${this.#state.revision}.` },
    );
  }

  /** As `read`; of recent events all who stand at the same place get the same page. */
  #readPage(after: number): EventPage | Promise<EventPage> {
    const latest = this.#latest;
    if (latest?.after === after) return latest.page;
    const recent = after < this.#state.floor ? undefined : this.#readRecent(after, PAGE);
    if (recent === undefined) return this.read(after, PAGE).then((events) => new EventPage(events));
    const page = new EventPage(recent);
    this.#latest = { after, page };
    return page;
  }
}

interface FollowerContext {
  readonly state: Pick<ClusterState, 'revision'>;
  readonly sleepers: EventSleepers;
  readonly isClosed: () => boolean;
  readonly read: (after: number) => EventPage | Promise<EventPage>;
}

class Follower implements EventFeed {
  readonly #options: FollowOptions;
  readonly #context: FollowerContext;
  readonly #filter: EventFilter;
  #given: number;
  #isAsleep = false;

  constructor(options: FollowOptions, context: FollowerContext) {
    this.#options = options;
    this.#context = context;
    this.#filter = options.filter ?? {};
    this.#given = options.after;
  }

  get position(): number {
    // Whatever comes while he sleeps is nothing for him, or it would have woken him.
    return this.#isAsleep ? Math.max(this.#given, this.#context.state.revision) : this.#given;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<readonly CubeEvent[], void, undefined> {
    const { signal, until = Number.POSITIVE_INFINITY } = this.#options;
    while (!signal.aborted && !this.#context.isClosed() && this.#given < until) {
      const page = await this.#context.read(this.#given);
      const last = page.events.at(-1);
      if (last === undefined) {
        await this.#sleep();
        continue;
      }
      const wanted = page.select(this.#filter);
      const isBeyond = last.revision > until;
      const given = isBeyond ? wanted.filter(({ revision }) => revision <= until) : wanted;
      if (given.length > 0) yield given;
      // Not before the reader has come for more, and so has dealt with these.
      this.#given = last.revision;
    }
  }

  #sleep(): Promise<void> {
    const { signal } = this.#options;
    const { state, sleepers, isClosed } = this.#context;
    // Something may have been published between the look at the log and now.
    if (state.revision > this.#given || signal.aborted || isClosed()) return Promise.resolve();
    this.#isAsleep = true;
    return new Promise((resolve) => {
      const wake = (revision: number): void => {
        this.#isAsleep = false;
        // He may have begun ahead of what is durable by now.
        this.#given = Math.max(this.#given, revision);
        signal.removeEventListener('abort', onAbort);
        resolve();
      };
      const sleeper = { filter: this.#filter, wake };
      const onAbort = (): void => {
        sleepers.remove(sleeper);
        wake(state.revision);
      };
      sleepers.add(sleeper);
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }
}
