import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import { type AttemptRecord, attemptKeyText } from '../../store/attempt-repository.ts';
import type { PublishedPort } from '../../task/port.ts';
import type { RuntimeName } from '../../task/task-spec.ts';
import type { HealthState } from '../../task/task-status.ts';
import type { AttemptBook, AttemptChange } from '../attempt-book.ts';
import type { RuntimeWatcher } from '../runtime-watcher.ts';
import { withUnhealthy } from '../standalone-restart.ts';
import type { WorkerMeter } from '../worker-meter.ts';
import { watchHealth } from './health-watch.ts';
import type { Prober } from './prober.ts';

export interface HealthMonitorOptions {
  readonly book: AttemptBook;
  readonly findWatcher: (name: RuntimeName) => RuntimeWatcher | undefined;
  readonly prober: Prober;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly meter: WorkerMeter;
}

interface Watch {
  readonly abort: AbortController;
  readonly ports: readonly PublishedPort[];
}

/** Has exactly those attempts watched that run, are to run, and have a health check. */
export class HealthMonitor {
  readonly #options: HealthMonitorOptions;
  readonly #watches = new Map<string, Watch>();
  readonly #running = new Set<Promise<void>>();
  #isStopped = false;

  constructor(options: HealthMonitorOptions) {
    this.#options = options;
  }

  /** How many attempts are watched. */
  get watchCount(): number {
    return this.#watches.size;
  }

  /** Begins to watch what ran before the worker started. */
  start(): void {
    for (const record of this.#options.book.all()) this.#update(record);
  }

  onChanges(changes: readonly AttemptChange[]): void {
    for (const { before, after } of changes) {
      if (after !== undefined) this.#update(after);
      else if (before !== undefined) this.#end(attemptKeyText(before));
    }
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const key of [...this.#watches.keys()]) this.#end(key);
    await Promise.all(this.#running);
  }

  #update(record: AttemptRecord): void {
    const key = attemptKeyText(record);
    const { observation, desired, spec } = record;
    const isWatched = observation.phase === 'running' && desired === 'running';
    if (!isWatched || spec?.health === undefined) {
      this.#end(key);
      return;
    }
    const ports = observation.ports ?? [];
    const watch = this.#watches.get(key);
    if (watch !== undefined && isDeepStrictEqual(watch.ports, ports)) return;
    this.#end(key);
    this.#begin(record, ports);
  }

  #begin(record: AttemptRecord, ports: readonly PublishedPort[]): void {
    const { findWatcher, prober, clock, logger, meter } = this.#options;
    const watcher = record.runtime === undefined ? undefined : findWatcher(record.runtime);
    const check = record.spec?.health;
    if (this.#isStopped || watcher === undefined || check === undefined) return;
    const abort = new AbortController();
    const done: Promise<void> = watchHealth(
      {
        key: { taskId: record.taskId, attempt: record.attempt },
        check,
        known: record.observation.health ?? 'starting',
        ports,
        runtime: watcher.runtime,
        isRuntimeAvailable: () => watcher.fact.available,
        prober,
        clock,
        logger,
        meter,
        report: (health, detail) => this.#report(record, health, detail),
      },
      abort.signal,
    ).finally(() => {
      this.#running.delete(done);
    });
    this.#running.add(done);
    this.#watches.set(attemptKeyText(record), { abort, ports });
  }

  #end(key: string): void {
    const watch = this.#watches.get(key);
    if (watch === undefined) return;
    this.#watches.delete(key);
    watch.abort.abort();
  }

  async #report(record: AttemptRecord, health: HealthState, detail: string): Promise<void> {
    const retries = record.spec?.health?.retries ?? 1;
    await this.#options.book.commit((draft) => {
      const current = draft.find(record);
      if (current === undefined || current.observation.phase !== 'running') return;
      const { progress: _old, ...rest } = current.observation;
      if (health !== 'unhealthy') {
        draft.put({ ...current, observation: { ...rest, health } });
        return;
      }
      const times = retries === 1 ? 'failed' : `failed ${retries} times in a row`;
      const progress = `Its health check ${times}: ${detail}.`.slice(0, 200);
      const judged = { ...current, observation: { ...rest, progress, health } };
      draft.put(withUnhealthy(judged, progress));
    });
  }
}
