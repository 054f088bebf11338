import type { Logger } from '../lib/logger.ts';
import type { AttemptChange } from './attempt-book.ts';

/** One line for each step in the life of an attempt, for who reads the worker's log. */
export function logChanges(logger: Logger, changes: readonly AttemptChange[]): void {
  for (const { before, after } of changes) {
    if (after === undefined || after.gone === true) continue;
    const { taskId, attempt, spec, observation, desired } = after;
    const { phase, runtimeId, ended } = observation;
    const fields = { taskId, attempt, name: spec?.name, runtimeId };
    // What the manager has for elsewhere, or does not know of, as one that was restored, leaves a trace.
    const isDropped = desired === 'forgotten' && before?.desired === 'running';
    if (isDropped && phase !== 'ended') {
      logger.info(
        fields,
        'The manager does not want an attempt here any more: it is ended, and removed.',
      );
    }
    if (before?.observation.phase === observation.phase) continue;
    const isAwaited = phase === 'preparing' && desired === 'running';
    if (isAwaited) logger.info(fields, 'An attempt is to run.');
    if (phase === 'running') logger.info(fields, 'An attempt runs.');
    if (ended === undefined) continue;
    const { exitCode, reason } = ended;
    logger.info(
      { ...fields, exitCode, reason: reason.code },
      `An attempt ended: ${reason.message}`,
    );
  }
}
