import type { CubeError } from '../errors/cube-error.ts';
import { systemClock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import { returnMemory } from '../lib/return-memory.ts';
import { watchEventLoop } from '../lib/watch-event-loop.ts';
import type { CliIo } from './cli-io.ts';

/** Something that runs until it is told to end, or cannot go on. */
export interface Daemon {
  /** Printed once it serves. */
  readonly greeting: string;
  readonly logger: Logger;
  /** Ends it. @returns what people are told afterwards. */
  stop(): Promise<string>;
}

export interface DaemonHooks {
  readonly onFatal: (error: CubeError) => void;
}

/** How long after the greeting what the start has grown is given back, in milliseconds. */
const RETURN_AFTER_MS = 2000;

/** The first clock reading that a machine of today can have. */
const PLAUSIBLE_TIME = Date.parse('2020-01-01T00:00:00Z');

/**
 * Starts a daemon and keeps it in the foreground until SIGINT, SIGTERM or SIGHUP. A second signal
 * ends the process at once.
 *
 * @throws the error for which it could not start or go on, after everything was ended.
 */
export async function runDaemon(
  io: CliIo,
  start: (hooks: DaemonHooks) => Promise<Daemon>,
): Promise<void> {
  if (io.clock.now() < PLAUSIBLE_TIME) {
    const now = new Date(io.clock.now()).toISOString();
    await io.stderr.write(`cube: The clock of this machine says ${now}; set it right.\n`);
  }
  using interrupt = io.watchInterrupt();
  const ending = Promise.withResolvers<CubeError | undefined>();
  interrupt.signal.addEventListener('abort', () => ending.resolve(undefined), { once: true });
  const daemon = await start({ onFatal: ending.resolve });
  if (interrupt.signal.aborted) ending.resolve(undefined);
  using _watch = watchEventLoop({ clock: systemClock, logger: daemon.logger });
  const returning = systemClock.setTimer(RETURN_AFTER_MS, returnMemory);
  await io.stdout.write(daemon.greeting);
  const fatal = await ending.promise;
  returning.cancel();
  if (fatal === undefined) await io.stderr.write('\nStopping … (again: at once)\n');
  const farewell = await daemon.stop();
  if (fatal !== undefined) throw fatal;
  await io.stderr.write(farewell);
}
