import type { Clock } from '../lib/clock.ts';
import type { StreamItem } from '../link/protocol.ts';
import { type AttemptRecord, STANDALONE } from '../store/attempt-repository.ts';
import type { AttemptBook } from './attempt-book.ts';
import { Waker } from './waker.ts';

type Heartbeat = Extract<StreamItem, { readonly type: 'heartbeat' }>;

export interface ReportStreamOptions {
  readonly book: AttemptBook;
  readonly clock: Clock;
  readonly heartbeatMs: () => number;
  readonly heartbeat: () => Heartbeat;
}

/** Records looked at before others get their turn: a long backlog must not hold up the worker. */
const BATCH_COUNT_MAX = 256;

/**
 * Reports with a sequence above `after`, in order, then as they come, with heartbeats in between,
 * the first of them at once. Nothing is queued for a slow reader: it gets the latest report of
 * each attempt when it asks. Ends with `signal`; what is recorded by then is still handed out.
 */
export async function* streamReports(
  options: ReportStreamOptions,
  after: number,
  signal: AbortSignal,
): AsyncGenerator<StreamItem, void, undefined> {
  const { book, clock } = options;
  const waker = new Waker();
  const wake = (): void => waker.wake();
  let isHeartbeatDue = true;
  const arm = () =>
    clock.setTimer(options.heartbeatMs(), () => {
      isHeartbeatDue = true;
      wake();
    });
  const unsubscribe = book.subscribe(wake);
  signal.addEventListener('abort', wake, { once: true });
  let timer = arm();
  // Beyond the end: the reader knows a count that was lost here, so it gets everything anew.
  let cursor = after > book.sequence ? 0 : after;
  try {
    for (;;) {
      if (isHeartbeatDue && !signal.aborted) {
        isHeartbeatDue = false;
        timer.cancel();
        timer = arm();
        yield options.heartbeat();
      }
      const batch = reportsAfter(book, cursor);
      for (const record of batch) {
        // A newer report of the same attempt comes later under its own sequence.
        if (book.find(record)?.sequence !== record.sequence) continue;
        yield { type: 'report', sequence: record.sequence, observation: record.observation };
      }
      cursor = batch.at(-1)?.sequence ?? cursor;
      if (batch.length > 0) continue;
      if (signal.aborted) return;
      await waker.wait();
    }
  } finally {
    timer.cancel();
    unsubscribe();
    signal.removeEventListener('abort', wake);
  }
}

function reportsAfter(book: AttemptBook, cursor: number): readonly AttemptRecord[] {
  if (book.sequence <= cursor) return [];
  const waiting: AttemptRecord[] = [];
  for (const record of book.recent(cursor)) {
    // Of what is to be forgotten the manager has heard enough.
    if (record.cluster === STANDALONE || record.desired === 'forgotten') continue;
    waiting.push(record);
    if (waiting.length >= BATCH_COUNT_MAX) break;
  }
  return waiting;
}
