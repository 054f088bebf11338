import { CubeError, isCubeError, messageOf } from '../errors/cube-error.ts';
import { assert } from '../lib/assert.ts';
import { type Clock, timestamp } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import { Loop } from '../lib/loop.ts';
import type { Random } from '../lib/random.ts';
import type { AttemptKey } from '../link/protocol.ts';
import type { InstanceStatus, Runtime } from '../runtime/runtime.ts';
import { type AttemptRecord, STANDALONE } from '../store/attempt-repository.ts';
import type { ReasonCode } from '../task/reason.ts';
import { durationMs } from '../task/spec-fields.ts';
import type { RuntimeName } from '../task/task-spec.ts';
import type { AttemptBook } from './attempt-book.ts';
import { endedObservation, reasonOfStart } from './attempt-end.ts';
import { nextStep } from './next-step.ts';
import { goneRecord } from './orders.ts';
import { readOutputTail } from './output-tail.ts';
import type { RunTimes } from './run-times.ts';
import type { RuntimeWatcher } from './runtime-watcher.ts';
import { startNextAttempt, withObservation } from './standalone-restart.ts';
import type { StartGate } from './start-gate.ts';
import { StartProgress } from './start-progress.ts';
import type { StartTraces } from './start-traces.ts';

export interface RunnerContext {
  readonly book: AttemptBook;
  readonly findWatcher: (name: RuntimeName) => RuntimeWatcher | undefined;
  readonly findGate: (name: RuntimeName) => StartGate;
  readonly traces: StartTraces;
  readonly times: RunTimes;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** What a step found the instance to be; `status` is undefined where there is none. */
interface Seen {
  readonly status: InstanceStatus | undefined;
}

/** More steps in a row mean that record and runtime contradict each other for ever. */
const STEP_COUNT_MAX = 20;
const RETRY_MS = 200;
const RETRY_MS_MAX = 5000;
/** For an instance of which nothing but its labels is known. */
const UNKNOWN_STOP = { stopSignal: 'SIGTERM', timeoutMs: 10_000 } as const;

/**
 * Brings all attempts of one task to what is wanted of them, one step at a time, the oldest
 * attempt first: a newer one starts only when the older ones have ended. Each pass looks at the
 * records and at the runtime, so it does the right thing after any crash.
 */
export class TaskRunner {
  readonly #taskId: string;
  readonly #context: RunnerContext;
  readonly #onIdle: () => void;
  readonly #loop: Loop;
  #wakeCount = 0;
  #starting: { readonly attempt: number; readonly abort: AbortController } | undefined;
  #failureCount = 0;
  #restart: { readonly attempt: number; readonly dueAt: number } | undefined;
  #isWaiting = false;

  /** `onIdle` is called when there is nothing to do until the next wake. */
  constructor(taskId: string, context: RunnerContext, onIdle: () => void) {
    this.#taskId = taskId;
    this.#context = context;
    this.#onIdle = onIdle;
    this.#loop = new Loop({
      name: 'task',
      clock: context.clock,
      logger: context.logger.child({ taskId }),
      pass: (signal) => this.#pass(signal),
    });
  }

  /** Something about the task may have changed: an order, or its instance. */
  wake(): void {
    this.#wakeCount += 1;
    this.#abortUnwantedStart();
    this.#loop.nudge();
  }

  /** Whether this attempt is just being started, of which the end of the start tells. */
  isStarting(attempt: number): boolean {
    return this.#starting?.attempt === attempt;
  }

  async stop(): Promise<void> {
    await this.#loop.stop();
  }

  /** A stop does not wait for a start that is queued or pulls: it ends it. */
  #abortUnwantedStart(): void {
    if (this.#starting === undefined) return;
    const { attempt, abort } = this.#starting;
    const record = this.#context.book.find({ taskId: this.#taskId, attempt });
    if (record?.desired !== 'running') abort.abort(new Error('It is not wanted any more.'));
  }

  async #pass(signal: AbortSignal): Promise<void> {
    const wakeCount = this.#wakeCount;
    this.#isWaiting = false;
    let mayStart = true;
    for (const { attempt } of this.#context.book.ofTask(this.#taskId)) {
      const isOver = await this.#settle({ taskId: this.#taskId, attempt }, mayStart, signal);
      mayStart &&= isOver;
    }
    await this.#restartWhenDue();
    if (!this.#isWaiting && wakeCount === this.#wakeCount) this.#onIdle();
  }

  /** Takes all steps that can be taken for one attempt; tells whether it has ended. */
  async #settle(key: AttemptKey, mayStart: boolean, signal: AbortSignal): Promise<boolean> {
    try {
      const isOver = await this.#takeSteps(key, mayStart, signal);
      this.#failureCount = 0;
      return isOver;
    } catch (error) {
      // What one attempt cannot do must not keep the others from what they can.
      const isPatient =
        isCubeError(error, 'runtime-unavailable') || isCubeError(error, 'runtime-failed');
      if (signal.aborted || !isPatient) throw error;
      this.#retryLater(key, error);
      return false;
    }
  }

  async #takeSteps(key: AttemptKey, mayStart: boolean, signal: AbortSignal): Promise<boolean> {
    const { book, clock } = this.#context;
    let seen: Seen | undefined;
    for (let count = 0; ; count += 1) {
      assert(count < STEP_COUNT_MAX, `attempt ${key.attempt} settles in a few steps`);
      signal.throwIfAborted();
      const runtime = await this.#runtimeOf(key);
      if (runtime === undefined) return isOver(book.find(key));
      seen ??= this.#startsAnyhow(key, mayStart)
        ? { status: undefined }
        : { status: await runtime.inspect(key, signal) };
      const record = book.find(key);
      if (record === undefined) return true;
      const step = nextStep(record, seen.status, timestamp(clock));
      switch (step.type) {
        case 'nothing':
          return isOver(record);
        case 'start':
          if (!mayStart || !this.#hasCompared(record)) return false;
          seen = await this.#start(record, runtime, signal);
          break;
        case 'stop':
          seen = { status: await this.#stop(record, runtime, signal) };
          break;
        case 'remove':
          await this.#remove(record, runtime, signal);
          seen = { status: undefined };
          break;
        case 'observe':
          await this.#observe(record, { runtime, seen, signal });
          break;
        case 'forget':
          await this.#forget(record);
          break;
      }
    }
  }

  /** The runtime of an attempt; without one, the attempt ends if it has not run. */
  async #runtimeOf(key: AttemptKey): Promise<Runtime | undefined> {
    const { book, findWatcher } = this.#context;
    const record = book.find(key);
    if (record === undefined) return undefined;
    const watcher = record.runtime === undefined ? undefined : findWatcher(record.runtime);
    if (watcher !== undefined) return watcher.runtime;
    if (record.desired === 'forgotten') {
      if (record.gone !== true) await this.#forget(record);
    } else if (record.observation.phase === 'preparing') {
      const message = `This worker has no runtime ${record.runtime ?? 'for it'}.`;
      await this.#end(record, 'runtime-unavailable', message);
    }
    return undefined;
  }

  /** A start goes on from whatever is there, so that before it there is no need to look. */
  #startsAnyhow(key: AttemptKey, mayStart: boolean): boolean {
    const record = mayStart ? this.#context.book.find(key) : undefined;
    if (record === undefined || !this.#hasCompared(record)) return false;
    return nextStep(record, undefined, timestamp(this.#context.clock)).type === 'start';
  }

  #hasCompared(record: AttemptRecord): boolean {
    if (record.runtime === undefined) return false;
    return this.#context.findWatcher(record.runtime)?.hasCompared === true;
  }

  async #start(
    record: AttemptRecord,
    runtime: Runtime,
    signal: AbortSignal,
  ): Promise<Seen | undefined> {
    const { spec, cluster, taskId, attempt } = record;
    const { traces } = this.#context;
    assert(spec !== undefined, 'an attempt that is to run has a spec');
    const abort = new AbortController();
    this.#starting = { attempt, abort };
    const span = traces.open(record);
    const tell = (text: string): Promise<void> => this.#setProgress(record, text);
    const progress = new StartProgress(record, tell, this.#context);
    try {
      const either = AbortSignal.any([signal, abort.signal]);
      const leave = await this.#context.findGate(runtime.name).enter(either);
      try {
        const onProgress = (text: string): void => progress.note(text);
        const options = { signal: either, onProgress };
        return { status: await runtime.start({ taskId, attempt, cluster, spec }, options) };
      } finally {
        leave();
      }
    } catch (error) {
      span.end(error);
      if (signal.aborted || isCubeError(error, 'runtime-unavailable')) throw error;
      if (!abort.signal.aborted) await this.#onStartFailed(record, error);
      return undefined;
    } finally {
      span.end();
      progress.end();
      this.#starting = undefined;
    }
  }

  async #onStartFailed(record: AttemptRecord, error: unknown): Promise<void> {
    if (!(error instanceof CubeError)) {
      this.#context.logger.error({ err: error, ...keyOf(record) }, 'A start failed oddly.');
    }
    await this.#end(record, reasonOfStart(error), messageOf(error));
  }

  /** Records that an attempt ended before it ran. */
  async #end(record: AttemptRecord, code: ReasonCode, message: string): Promise<void> {
    const { book, clock } = this.#context;
    const ended = { reason: { code, message }, finishedAt: timestamp(clock) };
    await book.commit((draft) => {
      const current = draft.find(record);
      if (current === undefined || current.observation.phase === 'ended') return;
      draft.put(withObservation(current, endedObservation(current, ended), this.#context));
    });
  }

  async #stop(
    record: AttemptRecord,
    runtime: Runtime,
    signal: AbortSignal,
  ): Promise<InstanceStatus | undefined> {
    const { spec } = record;
    const how =
      spec === undefined
        ? UNKNOWN_STOP
        : { stopSignal: spec.stopSignal, timeoutMs: durationMs(spec.stopTimeout) };
    try {
      return await runtime.stop(record, { ...how, signal });
    } catch (error) {
      if (isCubeError(error, 'runtime-failed')) {
        await this.#setProgress(record, `stuck: ${error.message}`);
      }
      throw error;
    }
  }

  async #remove(record: AttemptRecord, runtime: Runtime, signal: AbortSignal): Promise<void> {
    const removeVolumes =
      record.cluster === STANDALONE ? this.#isLastOfTask(record) : record.dropVolumes === true;
    await runtime.remove(record, { removeVolumes, signal });
  }

  /** Another attempt of the task may go on with what this one wrote into anonymous volumes. */
  #isLastOfTask(record: AttemptRecord): boolean {
    const attempts = this.#context.book.ofTask(record.taskId);
    return attempts.every((one) => one.attempt === record.attempt || one.gone === true);
  }

  async #observe(
    record: AttemptRecord,
    look: { readonly runtime: Runtime; readonly seen: Seen; readonly signal: AbortSignal },
  ): Promise<void> {
    const { book, clock } = this.#context;
    const now = timestamp(clock);
    const output = await this.#outputOf(record, look);
    await book.commit((draft) => {
      const current = draft.find(record);
      if (current === undefined) return;
      const step = nextStep(current, look.seen.status, now);
      if (step.type !== 'observe') return;
      const { observation } = step;
      const ended =
        observation.ended === undefined || output === undefined
          ? {}
          : { ended: { ...observation.ended, output } };
      draft.put(withObservation(current, { ...observation, ...ended }, this.#context));
    });
  }

  /** The last words of an attempt that failed of itself. */
  async #outputOf(
    record: AttemptRecord,
    look: { readonly runtime: Runtime; readonly seen: Seen; readonly signal: AbortSignal },
  ): Promise<string | undefined> {
    const { status } = look.seen;
    const hasFailed = record.desired === 'running' || record.observation.health === 'unhealthy';
    if (!hasFailed || status?.phase !== 'ended' || status.exitCode === 0) return undefined;
    const { clock, logger } = this.#context;
    try {
      return await readOutputTail(look.runtime, record, { clock, signal: look.signal });
    } catch (error) {
      if (look.signal.aborted || isCubeError(error, 'runtime-unavailable')) throw error;
      logger.warn(
        { err: error, ...keyOf(record) },
        'The last output could not be read; the end is reported without it.',
      );
      return undefined;
    }
  }

  async #forget(record: AttemptRecord): Promise<void> {
    await this.#context.book.commit((draft) => {
      const current = draft.find(record);
      if (current === undefined) return;
      if (current.cluster === STANDALONE) {
        draft.remove(current);
        return;
      }
      // The highest attempt bars all lower ones, so one such record a task will do.
      const others = draft.ofTask(current.taskId).filter((one) => one.attempt !== current.attempt);
      for (const other of others) {
        if (other.gone === true && other.attempt < current.attempt) draft.remove(other);
      }
      if (others.some((one) => one.attempt > current.attempt)) draft.remove(current);
      else draft.put(goneRecord(current));
    });
  }

  async #setProgress(record: AttemptRecord, progress: string): Promise<void> {
    const text = progress.slice(0, 200);
    await this.#context.book.commit((draft) => {
      const current = draft.find(record);
      if (current === undefined || current.gone === true) return;
      const { observation } = current;
      if (observation.phase === 'ended' || observation.progress === text) return;
      // What was said while it started must not outlive the start.
      if (record.observation.phase !== observation.phase) return;
      draft.put({ ...current, observation: { ...observation, progress: text } });
    });
  }

  #retryLater(key: AttemptKey, error: CubeError): void {
    const { random, book, findWatcher, logger } = this.#context;
    const record = book.find(key);
    const isAway = error.code === 'runtime-unavailable';
    if (isAway && record?.runtime !== undefined) findWatcher(record.runtime)?.suspect();
    const backoffMs = Math.min(RETRY_MS_MAX, RETRY_MS * 2 ** this.#failureCount);
    this.#failureCount = Math.min(this.#failureCount + 1, 16);
    this.#isWaiting = true;
    this.#loop.nudgeAfter(backoffMs * (1 + random.next() / 2));
    if (isAway) logger.debug({ err: error, ...key }, 'The runtime does not answer; trying again.');
    else logger.warn({ err: error, ...key }, 'The runtime could not do as asked; trying again.');
    if (!isAway || record?.observation.phase !== 'preparing') return;
    this.#setProgress(record, `Waiting for ${record.runtime}: ${error.message}`).catch(
      (cause: unknown) => logger.warn({ err: cause, ...key }, 'Progress could not be recorded.'),
    );
  }

  async #restartWhenDue(): Promise<void> {
    const { book, clock } = this.#context;
    const last = book.ofTask(this.#taskId).at(-1);
    const delayMs = last?.desired === 'running' ? last.restart?.delayMs : undefined;
    if (last === undefined || delayMs === undefined) {
      this.#restart = undefined;
      return;
    }
    const now = clock.monotonic();
    if (this.#restart?.attempt !== last.attempt) {
      this.#restart = { attempt: last.attempt, dueAt: now + delayMs };
    }
    this.#isWaiting = true;
    if (now < this.#restart.dueAt) {
      this.#loop.nudgeAfter(this.#restart.dueAt - now);
      return;
    }
    await book.commit((draft) => startNextAttempt(draft, this.#taskId, timestamp(clock)));
    this.#loop.nudge();
  }
}

function keyOf({ taskId, attempt }: AttemptKey): AttemptKey {
  return { taskId, attempt };
}

function isOver(record: AttemptRecord | undefined): boolean {
  return record === undefined || record.observation.phase === 'ended' || record.gone === true;
}
