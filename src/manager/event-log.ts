import { CubeError } from '../errors/cube-error.ts';
import type { CubeEvent } from '../event/event.ts';
import type { ManagerRepository } from '../store/manager-repository.ts';
import type { ClusterState } from './cluster-state.ts';

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
  readonly #sleepers = new Set<() => void>();
  #closed = false;

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
    this.#wake();
  }

  /** Ends every follower after what it has been given. */
  close(): void {
    this.#closed = true;
    this.#wake();
  }

  /**
   * Every event with a revision above `after`, as it becomes durable.
   *
   * @throws CubeError `pruned`, when some of them are gone.
   */
  async *follow(after: number, signal: AbortSignal): AsyncGenerator<CubeEvent> {
    let cursor = after;
    while (!signal.aborted && !this.#closed) {
      const page = await this.read(cursor, PAGE);
      if (page.length === 0) {
        await this.#sleepPast(cursor, signal);
        continue;
      }
      for (const event of page) {
        if (signal.aborted) return;
        yield event;
        cursor = event.revision;
      }
    }
  }

  /** Up to `limit` durable events above `after`, oldest first. */
  async read(after: number, limit: number): Promise<readonly CubeEvent[]> {
    if (after >= this.#state.revision) return [];
    if (after < this.#state.floor) throw this.#prunedError(after, this.#state.floor);
    const first = this.#recent[0];
    if (first !== undefined && after >= first.revision - 1) {
      const start = after - (first.revision - 1);
      return this.#recent.slice(start, start + limit);
    }
    const events = await this.#repository.events(after, limit);
    // Some may have been pruned while the store was asked.
    const [oldest] = events;
    if (oldest !== undefined && oldest.revision !== after + 1) {
      throw this.#prunedError(after, oldest.revision - 1);
    }
    // The store may already have what is not applied yet; nobody is told of it before.
    return events.filter((event) => event.revision <= this.#state.revision);
  }

  #prunedError(after: number, floor: number): CubeError {
    return new CubeError(
      'pruned',
      `Events up to revision ${floor} have been pruned, and you ask from ${after}.`,
      { hint: `List the tasks again, then follow from revision ${this.#state.revision}.` },
    );
  }

  #wake(): void {
    const sleepers = [...this.#sleepers];
    this.#sleepers.clear();
    for (const wake of sleepers) wake();
  }

  #sleepPast(cursor: number, signal: AbortSignal): Promise<void> {
    // Something may have been published between the look at the log and now.
    const isNews = this.#state.revision > cursor;
    if (isNews || signal.aborted || this.#closed) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#sleepers.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.#sleepers.add(wake);
      signal.addEventListener('abort', wake, { once: true });
    });
  }
}
