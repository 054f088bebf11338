import { CubeError } from '../errors/cube-error.ts';
import { assert } from '../lib/assert.ts';
import { timestamp } from '../lib/clock.ts';
import {
  type Assignments,
  type AttemptKey,
  type AttemptUsage,
  type JoinReply,
  type LogLine,
  type LogOptions,
  PROTOCOL_VERSION,
  type StreamItem,
  type WorkerList,
} from '../link/protocol.ts';
import type { SessionOptions, SessionOutput } from '../link/session.ts';
import type { NodeFacts, NodeStats } from '../node/node.ts';
import { STANDALONE } from '../store/attempt-repository.ts';
import type { Submission, Submitted } from '../task/submission.ts';
import type { Task } from '../task/task.ts';
import type { RuntimeName } from '../task/task-spec.ts';
import { attemptLogs } from './attempt-logs.ts';
import { openAttemptSession } from './attempt-session.ts';
import { type KnownReign, takeOrders, takeReign } from './orders.ts';
import { streamReports } from './report-stream.ts';
import {
  type CompleteWorkerOptions,
  completeWorkerOptions,
  type WorkerOptions,
} from './worker-options.ts';
import { openWorkerParts, type WorkerParts } from './worker-parts.ts';

export type { ManagerLink, WorkerOptions } from './worker-options.ts';

export interface StopWorkerOptions {
  /** Stop all tasks first, each within its own time-out. Default: they run on. */
  readonly stopTasks?: boolean;
}

/** A worker that has not been started. Neither the store nor a runtime is touched before. */
export function createWorker(options: WorkerOptions): Worker {
  return new Worker(completeWorkerOptions(options));
}

const WORDS_BY_PHASE = {
  new: 'The worker has not been started.',
  starting: 'The worker is starting.',
  running: 'The worker is running.',
  stopping: 'The worker is stopping.',
  stopped: 'The worker has stopped.',
} as const;

type WorkerPhase = keyof typeof WORDS_BY_PHASE;

/**
 * Runs tasks on one machine: those that a manager orders, and those given to it directly. What
 * it is told is on its disk before it acts or answers; what runs goes on when it stops or dies,
 * and is found again by the next worker on the same store and identity.
 */
export class Worker {
  readonly #options: CompleteWorkerOptions;
  readonly #abort = new AbortController();
  #phase: WorkerPhase = 'new';
  #parts: WorkerParts | undefined;
  #heartbeatMs: number;
  readonly #streams = new Set<AbortController>();
  #stopped: Promise<void> | undefined;
  /**
   * Told in each list. What was ordered before this worker knew what it knows now may come late,
   * and its records may have been lost meanwhile.
   */
  readonly #incarnation: string;
  /** What the identity file holds, or is about to, since this worker lives. */
  #savedReign: KnownReign | undefined;
  #saving = Promise.resolve();

  constructor(options: CompleteWorkerOptions) {
    this.#options = options;
    this.#heartbeatMs = options.heartbeatMs;
    this.#incarnation = timestamp(options.clock);
  }

  /**
   * Reads the store, finds what runs, and begins to serve. A runtime that does not answer does not
   * hold it up for more than a few seconds. Its address must be known by then, since it presents
   * itself to the manager: listen first; requests are refused as `unavailable` until it serves.
   *
   * @throws CubeError of the store, such as `storage-damaged`; nothing has been touched then.
   */
  async start(): Promise<void> {
    assert(this.#phase === 'new', 'a worker is started once');
    this.#phase = 'starting';
    const parts = await openWorkerParts(this.#options, {
      facts: () => this.facts(),
      heartbeatMs: () => this.#heartbeatMs,
      onJoined: (reply) => this.#onJoined(reply),
    });
    this.#parts = parts;
    if (this.#abort.signal.aborted) return;
    await parts.start();
    if (this.#phase === 'starting') this.#phase = 'running';
    this.#saveReign();
  }

  /**
   * Ends all that the worker does; open streams hand out what is recorded and end. Tasks run on
   * unless asked otherwise. May be called again, and at any time.
   */
  stop(options: StopWorkerOptions = {}): Promise<void> {
    this.#stopped ??= this.#stop(options);
    return this.#stopped;
  }

  async #stop(options: StopWorkerOptions): Promise<void> {
    const parts = this.#parts;
    const hasTasks = this.#phase === 'running' && parts !== undefined;
    this.#phase = 'stopping';
    // No new orders from now on; but those who listen still hear how the tasks end.
    if (options.stopTasks === true && hasTasks) await parts.stopTasks();
    this.#abort.abort(new CubeError('unavailable', 'The worker is stopping.'));
    await parts?.stop();
    for (const stream of this.#streams) stream.abort();
    this.#phase = 'stopped';
  }

  /** @see WorkerService.assign */
  async assign(assignments: Assignments): Promise<void> {
    const { incarnation = this.#incarnation } = assignments;
    if (incarnation !== this.#incarnation) throw staleOrdersError();
    const { book, findOrphans, findWatcher, traces } = this.#serving();
    const { identity, clock } = this.#options;
    const hasRuntime = (name: RuntimeName) => findWatcher(name) !== undefined;
    const context = { now: timestamp(clock), known: identity, hasRuntime, findOrphans };
    const { shortage } = book;
    // What ends is recorded on the last room of a disk too, but nothing new begins there.
    const taken = shortage === undefined ? assignments : { ...assignments, run: [] };
    traces.remember(taken.run);
    await book.commit((draft) => takeOrders(draft, taken, context));
    this.#heartbeatMs = assignments.heartbeatMs ?? this.#heartbeatMs;
    this.#saveReign();
    if (shortage !== undefined && assignments.run.length > 0) throw shortage;
  }

  list(): WorkerList {
    const { book, orphans } = this.#readable();
    const cluster = this.#cluster();
    const observations = [...book.all()]
      .filter((one) => one.cluster !== STANDALONE && one.gone !== true)
      .map((one) => one.observation)
      .sort(compareKeys);
    return {
      protocol: PROTOCOL_VERSION,
      ...(cluster === undefined ? {} : { cluster }),
      incarnation: this.#incarnation,
      facts: this.facts(),
      sequence: book.sequence,
      observations,
      orphans: orphans()
        .filter((one) => one.cluster === cluster)
        .map(({ taskId, attempt }) => ({ taskId, attempt }))
        .sort(compareKeys),
    };
  }

  reports(sequence: number, signal: AbortSignal): AsyncIterable<StreamItem> {
    return this.#reports(this.#readable(), sequence, signal);
  }

  /** @throws CubeError `not-found`. */
  logs(key: AttemptKey, options: LogOptions, signal: AbortSignal): AsyncIterable<LogLine> {
    const { book, findWatcher, findOrphans } = this.#readable();
    const findOrphan = (wanted: AttemptKey) =>
      findOrphans(wanted.taskId).find((one) => one.attempt === wanted.attempt);
    const either = AbortSignal.any([signal, this.#abort.signal]);
    return attemptLogs({ book, findWatcher, findOrphan }, key, { ...options, signal: either });
  }

  /** Runs a command in an attempt. @throws CubeError `not-found`. */
  openSession(key: AttemptKey, options: SessionOptions): AsyncIterable<SessionOutput> {
    const signal = AbortSignal.any([options.signal, this.#abort.signal]);
    return openAttemptSession(this.#serving(), key, { ...options, signal });
  }

  /** Measured use of each attempt that runs here. */
  usage(): Promise<readonly AttemptUsage[]> {
    return this.#readable().usage.measure(this.#abort.signal);
  }

  facts(): NodeFacts {
    const { identity, name, address, capacity, labels, bindRoots, version } = this.#options;
    return {
      id: identity.id,
      name,
      address: typeof address === 'function' ? address() : address,
      capacity,
      labels,
      runtimes: this.#parts?.runtimeFacts() ?? [],
      bindRoots: [...bindRoots],
      version,
    };
  }

  stats(): NodeStats {
    const { book, gauge } = this.#readable();
    let taskCount = 0;
    for (const { observation } of book.all()) if (observation.phase === 'running') taskCount += 1;
    return { ...gauge.latest, taskCount };
  }

  listTasks(): readonly Task[] {
    return this.#readable().standalone.list();
  }

  /** @throws CubeError `not-found`. */
  getTask(id: string): Task {
    return this.#readable().standalone.get(id);
  }

  /** @throws CubeError `conflict`, when the id is taken by a task with another spec. */
  async submit(submission: Submission): Promise<Submitted> {
    return await this.#serving().standalone.submit(submission);
  }

  /** @throws CubeError `not-found`, or `forbidden` for a task that belongs to a manager. */
  async stopTask(id: string): Promise<Task> {
    return await this.#serving().standalone.stopTask(id);
  }

  /** For what changes something. */
  #serving(): WorkerParts {
    if (this.#parts !== undefined && this.#phase === 'running') return this.#parts;
    throw new CubeError('unavailable', WORDS_BY_PHASE[this.#phase]);
  }

  /** For what only looks: also while tasks are being stopped. */
  #readable(): WorkerParts {
    if (this.#parts !== undefined && this.#phase === 'stopping') return this.#parts;
    return this.#serving();
  }

  #cluster(): string | undefined {
    return this.#parts?.book.cluster ?? this.#options.identity.cluster;
  }

  async *#reports(
    { book, announcer }: WorkerParts,
    sequence: number,
    signal: AbortSignal,
  ): AsyncGenerator<StreamItem, void> {
    if (this.#phase === 'stopped') return;
    const ending = new AbortController();
    this.#streams.add(ending);
    announcer?.onStreamOpened();
    try {
      const options = {
        book,
        clock: this.#options.clock,
        heartbeatMs: () => this.#heartbeatMs,
        heartbeat: () => this.#heartbeat(),
      };
      yield* streamReports(options, sequence, AbortSignal.any([signal, ending.signal]));
    } finally {
      this.#streams.delete(ending);
      announcer?.onStreamClosed();
    }
  }

  #heartbeat(): Extract<StreamItem, { readonly type: 'heartbeat' }> {
    const runtimes = [...(this.#parts?.runtimeFacts() ?? [])];
    return { type: 'heartbeat', stats: this.stats(), runtimes };
  }

  async #onJoined(reply: JoinReply): Promise<void> {
    const book = this.#parts?.book;
    assert(book !== undefined, 'a worker is announced after its store is open');
    await book.commit((draft) => takeReign(draft, reply, this.#options.identity));
    this.#heartbeatMs = reply.heartbeatMs;
    this.#saveReign();
  }

  /** The identity file learns whom to obey, so that it is known even if the store is lost. */
  #saveReign(): void {
    const { identity, saveReign, logger } = this.#options;
    const { cluster, epoch = 0 } = this.#parts?.book ?? {};
    const known = this.#savedReign ?? identity;
    if (cluster === undefined) return;
    if (known.cluster === cluster && (known.epoch ?? 0) >= epoch) return;
    this.#savedReign = { cluster, epoch };
    this.#saving = this.#saving
      .then(() => saveReign?.({ cluster, epoch }))
      .catch((error: unknown) => {
        this.#savedReign = undefined;
        logger.error({ err: error }, 'Whom to obey could not be kept in the identity file.');
      });
  }
}

function staleOrdersError(): CubeError {
  return new CubeError('stale-orders', 'The orders are for an earlier life of this worker.', {
    hint: 'Read its list again: it may have lost what it knew.',
  });
}

/** The order of lists: it must not depend on how the records came about. */
function compareKeys(a: AttemptKey, b: AttemptKey): number {
  if (a.taskId === b.taskId) return a.attempt - b.attempt;
  return a.taskId < b.taskId ? -1 : 1;
}
