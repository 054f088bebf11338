import pLimit from 'p-limit';
import type { CubeEvent } from '../event/event.ts';
import type { ManagerRepository } from '../store/manager-repository.ts';

/** What can be read of the log, now or in turn. */
export type LogRepository = Pick<ManagerRepository, 'base' | 'events' | 'findEvent'>;

/** So few that nobody waits for them longer than a moment, in the store and in the manager. */
export const PAST_PAGE = 200;

/** How many groups of the present are made durable between two pages of the past, where there are any. */
const TURNS = 3;

/**
 * The log for those who look back, however many they are: one page at a time, and each only after
 * the present has had its turns. Reading the past never slows the present so; with nothing to be
 * made durable, the past is read as fast as the disk gives it.
 */
export class PastReader implements LogRepository {
  readonly #repository: LogRepository;
  readonly #afterTurns: (count: number) => Promise<void>;
  readonly #limit = pLimit(1);

  constructor(repository: LogRepository, afterTurns: (count: number) => Promise<void>) {
    this.#repository = repository;
    this.#afterTurns = afterTurns;
  }

  /** At most `PAST_PAGE` of them, whatever the limit. */
  events(after: number, limit: number): Promise<readonly CubeEvent[]> {
    return this.#inTurn(() => this.#repository.events(after, Math.min(limit, PAST_PAGE)));
  }

  base(): ReturnType<LogRepository['base']> {
    return this.#inTurn(() => this.#repository.base());
  }

  /** Not in turn: it is one record. */
  findEvent(revision: number): Promise<CubeEvent | undefined> {
    return this.#repository.findEvent(revision);
  }

  #inTurn<Value>(read: () => Promise<Value>): Promise<Value> {
    return this.#limit(async () => {
      await this.#afterTurns(TURNS);
      return await read();
    });
  }
}
