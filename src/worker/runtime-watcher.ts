import { isCubeError } from '../errors/cube-error.ts';
import { type Clock, sleep, timestamp } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import { Loop } from '../lib/loop.ts';
import type { AttemptKey } from '../link/protocol.ts';
import type { RuntimeFact } from '../node/node.ts';
import type { InstanceStatus, Runtime } from '../runtime/runtime.ts';
import { type AttemptRecord, attemptKeyText, STANDALONE } from '../store/attempt-repository.ts';
import type { AttemptBook } from './attempt-book.ts';
import { nextStep } from './next-step.ts';
import type { Orphan } from './orders.ts';

export interface RuntimeWatcherOptions {
  readonly runtime: Runtime;
  readonly book: AttemptBook;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly compareMs: number;
  readonly probeMs: number;
  /** Told of every attempt about which something may have to be done. */
  readonly wake: (key: AttemptKey) => void;
  /** Told instead of an attempt of which nothing has changed but that it began to run. */
  readonly wakeOnStart: (key: AttemptKey) => void;
  /** Told when the runtime came or went. */
  readonly onFactChanged: () => void;
}

/** Starting a worker waits no longer for a runtime, in milliseconds. */
const BOOT_MS_MAX = 5000;
const RECONNECT_MS = 1000;
/** Events without a record come in bursts while instances are removed; one look serves many. */
const STRAY_EVENT_MS = 1000;

/**
 * Keeps an eye on one runtime: whether it works, what its events say, and, now and then, whether
 * all that it holds is as recorded. It decides nothing; it wakes the runners of the tasks that
 * need a look. A runtime that does not answer changes nothing but its own fact.
 */
export class RuntimeWatcher {
  readonly runtime: Runtime;
  readonly #options: RuntimeWatcherOptions;
  readonly #logger: Logger;
  readonly #abort = new AbortController();
  readonly #probeLoop: Loop;
  readonly #compareLoop: Loop;
  readonly #orphans = new Map<string, InstanceStatus>();
  #fact: RuntimeFact;
  #hasCompared = false;
  #tasks: Promise<unknown>[] = [];

  constructor(options: RuntimeWatcherOptions) {
    const { runtime, clock } = options;
    const logger = options.logger.child({ runtime: runtime.name });
    this.runtime = runtime;
    this.#options = options;
    this.#logger = logger;
    this.#fact = { name: runtime.name, available: false, reason: 'It has not answered yet.' };
    this.#probeLoop = new Loop({
      name: `probe-${runtime.name}`,
      clock,
      logger,
      intervalMs: options.probeMs,
      pass: (signal) => this.#probe(signal),
    });
    this.#compareLoop = new Loop({
      name: `compare-${runtime.name}`,
      clock,
      logger,
      intervalMs: options.compareMs,
      pass: (signal) => this.#compare(signal),
    });
  }

  /** Whether the runtime works, as of the latest probe. */
  get fact(): RuntimeFact {
    return this.#fact;
  }

  /**
   * As the manager is to know it: not available before all that it holds has been seen, since what
   * is missing from the list of this worker until then is not gone.
   */
  get toldFact(): RuntimeFact {
    if (this.#hasCompared || !this.#fact.available) return this.#fact;
    return { ...this.#fact, available: false, reason: 'It is being looked at.' };
  }

  /** Whether all that the runtime holds has been seen since the worker started. */
  get hasCompared(): boolean {
    return this.#hasCompared;
  }

  /** Instances of this worker of which it has no record, as of the latest comparison. */
  orphans(): readonly (Orphan & { readonly cluster: string })[] {
    const found = [...this.#orphans.values()];
    return found
      .filter((one) => this.#options.book.find(one) === undefined)
      .map(({ taskId, attempt, cluster }) => ({
        taskId,
        attempt,
        cluster,
        runtime: this.runtime.name,
      }));
  }

  /** Resolves after the first probe and comparison, or when they take too long to wait for. */
  async start(): Promise<void> {
    const { signal } = this.#abort;
    // Listening begins before looking, so that nothing falls in between.
    this.#tasks.push(this.#consumeEvents(signal));
    const booted = this.#boot(signal);
    this.#tasks.push(booted);
    const patience = new AbortController();
    const late = sleep(this.#options.clock, BOOT_MS_MAX, patience.signal).catch(() => undefined);
    await Promise.race([booted, late]);
    patience.abort();
  }

  /** Says that the runtime did not answer somebody: it is asked anew. */
  suspect(): void {
    this.#probeLoop.nudge();
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await Promise.all([this.#probeLoop.stop(), this.#compareLoop.stop(), ...this.#tasks]);
    this.#tasks = [];
  }

  async #boot(signal: AbortSignal): Promise<void> {
    try {
      await this.#probe(signal);
      await this.#compare(signal);
    } catch (error) {
      if (!signal.aborted) {
        this.#logger.warn({ err: error }, 'The runtime could not be looked at; trying again.');
      }
    }
    this.#probeLoop.nudge();
    this.#compareLoop.nudgeAfter(this.#hasCompared ? this.#options.compareMs : 0);
  }

  async #consumeEvents(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        for await (const event of this.runtime.events(signal)) {
          const { book, wake, wakeOnStart } = this.#options;
          if (event.type === 'resync') this.#compareLoop.nudge();
          else if (book.find(event.key) === undefined) this.#compareLoop.nudgeAfter(STRAY_EVENT_MS);
          else (event.isStart === true ? wakeOnStart : wake)(event.key);
        }
        if (signal.aborted) return;
        this.#logger.warn({}, 'The event stream of the runtime ended; it is opened again.');
      } catch (error) {
        if (signal.aborted) return;
        this.#logger.warn({ err: error }, 'The event stream of the runtime broke.');
      }
      await sleep(this.#options.clock, RECONNECT_MS, signal).catch(() => undefined);
      this.#compareLoop.nudge();
    }
  }

  async #probe(signal: AbortSignal): Promise<void> {
    const state = await this.runtime.probe(signal);
    const before = this.#fact;
    this.#fact = {
      name: this.runtime.name,
      available: state.available,
      ...(state.version === undefined ? {} : { version: state.version.slice(0, 200) }),
      ...(state.available
        ? {}
        : { reason: (state.reason ?? 'It does not say why.').slice(0, 1000) }),
    };
    if (before.available !== state.available) {
      const words = state.available ? 'The runtime is available.' : 'The runtime is not available.';
      this.#logger.info({ reason: state.reason, notes: state.notes }, words);
      if (state.available) this.#compareLoop.nudge();
    }
    if (before.available !== state.available || before.version !== state.version) {
      this.#options.onFactChanged();
    }
  }

  async #compare(signal: AbortSignal): Promise<void> {
    if (!this.#fact.available) return;
    const statuses = await this.#list(signal);
    await this.#sortOutOrphans(statuses, signal);
    // From now on attempts may start: no instance of an older one can be hidden here.
    if (!this.#hasCompared) {
      this.#hasCompared = true;
      this.#options.onFactChanged();
    }
    const byKey = new Map(statuses.map((status) => [attemptKeyText(status), status]));
    const now = timestamp(this.#options.clock);
    for (const record of this.#options.book.all()) {
      if (record.runtime !== this.runtime.name) continue;
      const step = nextStep(record, byKey.get(attemptKeyText(record)), now);
      if (step.type !== 'nothing') this.#options.wake(record);
    }
  }

  async #list(signal: AbortSignal): Promise<readonly InstanceStatus[]> {
    try {
      return await this.runtime.list(signal);
    } catch (error) {
      if (isCubeError(error, 'runtime-unavailable')) this.#probeLoop.nudge();
      throw error;
    }
  }

  async #sortOutOrphans(statuses: readonly InstanceStatus[], signal: AbortSignal): Promise<void> {
    const { book } = this.#options;
    const strangers = statuses.filter((one) => book.find(one)?.runtime !== this.runtime.name);
    const present = new Set(strangers.map(attemptKeyText));
    for (const key of this.#orphans.keys()) if (!present.has(key)) this.#orphans.delete(key);
    for (const listed of strangers) {
      const record = book.find(listed);
      if (record !== undefined) await this.#claim(record);
      else if (!this.#orphans.has(attemptKeyText(listed))) await this.#addOrphan(listed, signal);
    }
  }

  /** A record that did not know where its instance is learns it. */
  async #claim(record: AttemptRecord): Promise<void> {
    if (record.runtime !== undefined) return;
    await this.#options.book.commit((draft) => {
      const current = draft.find(record);
      if (current === undefined || current.runtime !== undefined) return;
      draft.put({ ...current, runtime: this.runtime.name });
    });
  }

  async #addOrphan(listed: InstanceStatus, signal: AbortSignal): Promise<void> {
    const { book, clock } = this.#options;
    // The list may be older than the removal of this very instance.
    const status = await this.runtime.inspect(listed, signal);
    if (status === undefined || book.find(listed) !== undefined) return;
    this.#orphans.set(attemptKeyText(status), status);
    const { taskId, attempt, cluster } = status;
    const words =
      cluster === STANDALONE
        ? 'An instance runs here that was started without a manager and is not recorded; it is left alone.'
        : 'An instance of this worker is not recorded; the manager will say what to do with it.';
    this.#logger.warn({ taskId, attempt, cluster, runtimeId: status.runtimeId }, words);
    if (cluster !== book.cluster) return;
    await book.commit((draft) => {
      const isOutdated = draft.ofTask(taskId).some((one) => one.attempt > attempt);
      if (!isOutdated || draft.find(status) !== undefined) return;
      draft.put({
        taskId,
        attempt,
        cluster,
        runtime: this.runtime.name,
        desired: 'stopped',
        observation: { taskId, attempt, phase: 'preparing' },
        createdAt: timestamp(clock),
      });
    });
  }
}
