import { CubeError } from '../errors/cube-error.ts';
import type { AttemptKey } from '../link/protocol.ts';
import type { SessionOptions, SessionOutput } from '../link/session.ts';
import type { RuntimeName } from '../task/task-spec.ts';
import type { AttemptBook } from './attempt-book.ts';
import type { RuntimeWatcher } from './runtime-watcher.ts';

export interface AttemptSessionContext {
  readonly book: AttemptBook;
  readonly findWatcher: (name: RuntimeName) => RuntimeWatcher | undefined;
}

/**
 * Runs a command in an attempt of this worker.
 *
 * @throws CubeError `not-found`, at once, when the attempt is not here.
 */
export function openAttemptSession(
  { book, findWatcher }: AttemptSessionContext,
  key: AttemptKey,
  options: SessionOptions,
): AsyncIterable<SessionOutput> {
  const record = book.find(key);
  const watcher = record?.runtime === undefined ? undefined : findWatcher(record.runtime);
  if (watcher === undefined || record?.gone === true) {
    throw new CubeError(
      'not-found',
      `Attempt ${key.attempt} of task ${key.taskId} is not on this worker.`,
    );
  }
  return watcher.runtime.openSession(key, options);
}
