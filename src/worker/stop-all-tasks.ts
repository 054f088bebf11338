import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import { type AttemptRecord, attemptKeyText, STANDALONE } from '../store/attempt-repository.ts';
import { durationMs } from '../task/spec-fields.ts';
import type { AttemptBook } from './attempt-book.ts';
import { stopStandalone } from './standalone-tasks.ts';
import { Waker } from './waker.ts';

const WITH_WORKER = {
  code: 'stopped-by-user',
  message: 'Stopped together with its worker.',
} as const;

/** Beyond the stop time-out of the tasks, for the runtimes to do as they are asked. */
const GRACE_MS = 10_000;

/**
 * Stops every task of the worker and waits until all have ended: as long as the slowest of them
 * may take and a little more. Those that are left then are named in the log.
 */
export async function stopAllTasks(book: AttemptBook, clock: Clock, logger: Logger): Promise<void> {
  const waker = new Waker();
  const unsubscribe = book.subscribe(() => waker.wake());
  let isLate = false;
  const timer = clock.setTimer(patienceMs(book), () => {
    isLate = true;
    waker.wake();
  });
  try {
    await book.commit((draft) => {
      for (const { taskId, attempt } of book.all()) {
        const record = draft.find({ taskId, attempt });
        if (record === undefined) continue;
        if (record.cluster === STANDALONE) stopStandalone(draft, record);
        else if (record.desired === 'running' && isAlive(record)) {
          draft.put({ ...record, desired: 'stopped', stopReason: WITH_WORKER });
        }
      }
    });
    while (!isLate && [...book.all()].some(isAlive)) await waker.wait();
  } finally {
    timer.cancel();
    unsubscribe();
  }
  const left = [...book.all()].filter(isAlive).map(attemptKeyText);
  if (left.length > 0) logger.warn({ left }, 'Some tasks could not be stopped in time.');
}

function isAlive(record: AttemptRecord): boolean {
  return record.observation.phase !== 'ended';
}

function patienceMs(book: AttemptBook): number {
  let slowestMs = 0;
  for (const { spec } of book.all()) {
    if (spec !== undefined) slowestMs = Math.max(slowestMs, durationMs(spec.stopTimeout));
  }
  return slowestMs + GRACE_MS;
}
