import type { Clock, Timer } from './clock.ts';
import type { Logger } from './logger.ts';

/** How often it is looked whether the process still comes to its work, in milliseconds. */
const LOOK_MS = 500;

/** A look that comes so much too late is told, in milliseconds. */
const LATE_MS_MIN = 1000;

/**
 * Warns whenever the process could do nothing for a while, because something held its event loop,
 * or because it was stopped: whatever else was late then has its explanation in the log.
 *
 * @returns what ends the watch.
 */
export function watchEventLoop(options: {
  readonly clock: Clock;
  readonly logger: Logger;
}): Timer & Disposable {
  const { clock, logger } = options;
  let timer: Timer;
  const arm = (): void => {
    const dueAt = clock.monotonic() + LOOK_MS;
    timer = clock.setTimer(LOOK_MS, () => {
      const blockedMs = Math.round(clock.monotonic() - dueAt);
      if (blockedMs >= LATE_MS_MIN) {
        logger.warn({ blockedMs }, 'The event loop was blocked, or the process was stopped.');
      }
      arm();
    });
  };
  arm();
  const cancel = (): void => timer.cancel();
  return { cancel, [Symbol.dispose]: cancel };
}
