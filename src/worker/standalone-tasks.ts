import { isDeepStrictEqual } from 'node:util';
import { CubeError } from '../errors/cube-error.ts';
import { assert } from '../lib/assert.ts';
import { type Clock, timestamp } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import { Loop } from '../lib/loop.ts';
import type { Random } from '../lib/random.ts';
import { type AttemptRecord, STANDALONE } from '../store/attempt-repository.ts';
import type { Submission, Submitted } from '../task/submission.ts';
import type { Task } from '../task/task.ts';
import type { AttemptBook, BookDraft } from './attempt-book.ts';
import { newAttempt } from './orders.ts';
import { toTaskView } from './task-view.ts';

export interface StandaloneTasksOptions {
  readonly book: AttemptBook;
  /** The node's name. */
  readonly node: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** Ended standalone tasks are kept for so long, in milliseconds, and so many of them. */
const RETENTION_MS = 86_400_000;
const RETENTION_COUNT = 100;
const RETENTION_PASS_MS = 60_000;

/** Tasks that are forgotten together, so that nobody waits long for their turn. */
const FORGET_BATCH = 500;

/** The tasks that were given to this worker directly, as in the reference. */
export class StandaloneTasks {
  readonly #options: StandaloneTasksOptions;
  readonly #retention: Loop;
  /** When an end was first seen, on the monotonic clock: the wall clock may step. */
  readonly #endedSince = new Map<string, number>();

  constructor(options: StandaloneTasksOptions) {
    const { clock, logger } = options;
    this.#options = options;
    this.#retention = new Loop({
      name: 'standalone-retention',
      clock,
      logger,
      intervalMs: RETENTION_PASS_MS,
      pass: (signal) => this.#forgetOld(signal),
    });
  }

  start(): void {
    this.#retention.nudge();
  }

  async stop(): Promise<void> {
    await this.#retention.stop();
  }

  list(): readonly Task[] {
    const { book, node } = this.#options;
    return [...book.taskIds()]
      .sort()
      .map((id) => toTaskView(book.ofTask(id), node))
      .filter((task) => task !== undefined);
  }

  /** @throws CubeError `not-found`. */
  get(id: string): Task {
    const { book, node } = this.#options;
    const task = toTaskView(book.ofTask(id), node);
    if (task !== undefined) return task;
    throw new CubeError('not-found', `There is no task ${id} on this worker.`);
  }

  /** @throws CubeError `conflict`; `storage-full`, when the disk is short of room. */
  async submit(submission: Submission): Promise<Submitted> {
    const { book, random, clock } = this.#options;
    const id = submission.id ?? random.uuid();
    const { spec } = submission;
    const created = await book.commit((draft) => {
      const known = draft.ofTask(id);
      const current = known.findLast((one) => one.spec !== undefined);
      if (current !== undefined) {
        assertSameTask(current, submission);
        return false;
      }
      if (book.shortage !== undefined) throw book.shortage;
      const key = { taskId: id, attempt: (known.at(-1)?.attempt ?? 0) + 1 };
      draft.put({
        ...newAttempt({ key, cluster: STANDALONE, spec, now: timestamp(clock) }),
        restart: { count: 0, recentCount: 0 },
      });
      return true;
    });
    return { task: this.get(id), created };
  }

  /** @throws CubeError `not-found` or `forbidden`. */
  async stopTask(id: string): Promise<Task> {
    await this.#options.book.commit((draft) => {
      const record = draft.ofTask(id).findLast((one) => one.spec !== undefined);
      if (record === undefined) {
        throw new CubeError('not-found', `There is no task ${id} on this worker.`);
      }
      if (record.cluster !== STANDALONE) {
        throw new CubeError('forbidden', `Task ${id} belongs to a manager.`, {
          hint: 'Stop it at the manager; here it would only be started again.',
        });
      }
      stopStandalone(draft, record);
    });
    return this.get(id);
  }

  async #forgetOld(signal: AbortSignal): Promise<void> {
    const ended = this.#endedTasks();
    const now = this.#options.clock.monotonic();
    const excess = ended.length - RETENTION_COUNT;
    const old = ended.filter(({ since }, index) => index < excess || now - since >= RETENTION_MS);
    for (let start = 0; start < old.length && !signal.aborted; start += FORGET_BATCH) {
      const batch = old.slice(start, start + FORGET_BATCH);
      await this.#options.book.commit((draft) => {
        for (const { id } of batch) forget(draft, id);
      });
    }
  }

  /** Ended standalone tasks, the one that ended first before the others. */
  #endedTasks(): readonly { readonly id: string; readonly since: number }[] {
    const { book, clock } = this.#options;
    const ended: { id: string; since: number; finishedAt: string }[] = [];
    for (const id of book.taskIds()) {
      const last = book.ofTask(id).at(-1);
      if (last === undefined || !isEndedForGood(last)) {
        this.#endedSince.delete(id);
        continue;
      }
      const since = this.#endedSince.get(id) ?? clock.monotonic();
      this.#endedSince.set(id, since);
      ended.push({ id, since, finishedAt: last.observation.ended?.finishedAt ?? '' });
    }
    for (const id of this.#endedSince.keys()) {
      if (book.ofTask(id).length === 0) this.#endedSince.delete(id);
    }
    return ended.sort((a, b) => compareText(a.finishedAt, b.finishedAt) || compareText(a.id, b.id));
  }
}

/** Unless it is another one by now. */
function forget(draft: BookDraft, id: string): void {
  const records = draft.ofTask(id);
  const last = records.at(-1);
  if (last === undefined || !isEndedForGood(last)) return;
  for (const record of records) draft.put({ ...record, desired: 'forgotten' });
}

function isEndedForGood(record: AttemptRecord): boolean {
  if (record.cluster !== STANDALONE || record.desired === 'forgotten') return false;
  const isWaiting = record.desired === 'running' && record.restart?.delayMs !== undefined;
  return record.observation.phase === 'ended' && !isWaiting;
}

/** Asks that a standalone task does not run any more, nor is started again. */
export function stopStandalone(draft: BookDraft, record: AttemptRecord): void {
  // One that is being stopped as unhealthy would be started again, unless the user wants it so.
  const isRestarted = record.desired === 'running' || record.stopReason?.code === 'unhealthy';
  if (!isRestarted || record.desired === 'forgotten') return;
  const { count, recentCount } = record.restart ?? { count: 0, recentCount: 0 };
  const isOver = record.observation.phase === 'ended';
  const isWaiting = record.restart?.delayMs !== undefined;
  if (isOver && !isWaiting) return;
  const { stopReason: _unhealthy, ...rest } = record;
  draft.put({ ...rest, desired: 'stopped', restart: { count, recentCount } });
}

function assertSameTask(current: AttemptRecord, submission: Submission): void {
  const { taskId, cluster, spec } = current;
  if (cluster !== STANDALONE) {
    throw new CubeError('conflict', `Task ${taskId} was placed here by a manager.`, {
      hint: 'Leave out the id, or choose another one.',
    });
  }
  assert(spec !== undefined, 'a standalone task has a spec');
  const field = Object.keys({ ...spec, ...submission.spec }).find(
    (name) => !isDeepStrictEqual(Reflect.get(spec, name), Reflect.get(submission.spec, name)),
  );
  if (field === undefined) return;
  throw new CubeError('conflict', `Task ${taskId} exists with another spec: "${field}" differs.`, {
    hint: 'Leave out the id to run it as a new task.',
  });
}

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
