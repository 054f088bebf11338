import { CubeError } from '../errors/cube-error.ts';
import type { AttemptKey, LogLine, LogOptions } from '../link/protocol.ts';
import type { RuntimeName } from '../task/task-spec.ts';
import type { AttemptBook } from './attempt-book.ts';
import type { Orphan } from './orders.ts';
import type { RuntimeWatcher } from './runtime-watcher.ts';
import { Waker } from './waker.ts';

export interface AttemptLogsContext {
  readonly book: AttemptBook;
  readonly findWatcher: (name: RuntimeName) => RuntimeWatcher | undefined;
  readonly findOrphan: (key: AttemptKey) => Orphan | undefined;
}

/**
 * The output of an attempt, whether it runs or has ended; with `follow` also of one that is still
 * being started. An attempt that never ran has none.
 *
 * @throws CubeError `not-found`, at once, when nothing is known of the attempt here.
 */
export function attemptLogs(
  context: AttemptLogsContext,
  key: AttemptKey,
  options: LogOptions & { readonly signal: AbortSignal },
): AsyncIterable<LogLine> {
  const record = context.book.find(key);
  const runtime = record?.runtime ?? context.findOrphan(key)?.runtime;
  const watcher = runtime === undefined ? undefined : context.findWatcher(runtime);
  if (record?.gone === true || (record === undefined && watcher === undefined)) {
    throw new CubeError(
      'not-found',
      `Attempt ${key.attempt} of task ${key.taskId} is not on this worker.`,
    );
  }
  return readLines(context.book, { key, watcher, options });
}

async function* readLines(
  book: AttemptBook,
  request: {
    readonly key: AttemptKey;
    readonly watcher: RuntimeWatcher | undefined;
    readonly options: LogOptions & { readonly signal: AbortSignal };
  },
): AsyncGenerator<LogLine, void, undefined> {
  const { key, watcher, options } = request;
  if (options.follow) await untilStarted(book, key, options.signal);
  const observation = book.find(key)?.observation;
  const hasRun = observation === undefined || observation.runtimeId !== undefined;
  if (watcher === undefined || !hasRun) return;
  yield* watcher.runtime.logs(key, options);
}

async function untilStarted(
  book: AttemptBook,
  key: AttemptKey,
  signal: AbortSignal,
): Promise<void> {
  const waker = new Waker();
  const wake = (): void => waker.wake();
  const unsubscribe = book.subscribe(wake);
  signal.addEventListener('abort', wake, { once: true });
  try {
    while (book.find(key)?.observation.phase === 'preparing') {
      signal.throwIfAborted();
      await waker.wait();
    }
    signal.throwIfAborted();
  } finally {
    unsubscribe();
    signal.removeEventListener('abort', wake);
  }
}
