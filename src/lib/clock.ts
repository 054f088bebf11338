/**
 * Time enters Cube only here. Wall time is for showing and for records; every duration is
 * measured on the monotonic clock, so that a stepped wall clock changes nothing.
 */
export interface Clock {
  /** Wall time in milliseconds since 1970-01-01T00:00:00Z. May step in either direction. */
  now(): number;
  /** Milliseconds since an arbitrary start. Never goes back. */
  monotonic(): number;
  /** Calls `callback` once after at least `delayMs` milliseconds unless cancelled first. */
  setTimer(delayMs: number, callback: () => void): Timer;
}

/** A pending call of `Clock.setTimer`. */
export interface Timer {
  /** Prevents the call; a second cancel, or one after the call, does nothing. */
  cancel(): void;
}

/** Node's timers hold at most this delay; longer ones are capped and simply fire early enough. */
const DELAY_MS_MAX = 2_147_483_647;

/** The machine's own clock. Timers do not keep the process alive on their own. */
export const systemClock: Clock = createSystemClock({ holdsProcess: false });

/** As `systemClock`, for a command that waits: the process lives until its timers have fired. */
export const foregroundClock: Clock = createSystemClock({ holdsProcess: true });

function createSystemClock(options: { readonly holdsProcess: boolean }): Clock {
  return {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    setTimer(delayMs, callback) {
      const handle = setTimeout(callback, Math.min(Math.max(0, delayMs), DELAY_MS_MAX));
      // In a browser a timer is a number, and nothing there waits for it.
      if (!options.holdsProcess && typeof handle === 'object') handle.unref();
      return { cancel: () => clearTimeout(handle) };
    },
  };
}

/**
 * Resolves after `delayMs` milliseconds of `clock`.
 *
 * @throws the signal's reason, when it is aborted before or during the wait.
 */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const onAbort = (): void => {
      timer.cancel();
      reject(signal?.reason);
    };
    const timer = clock.setTimer(delayMs, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/** Wall time as RFC 3339 in UTC with milliseconds, the form in every record and reply. */
export function timestamp(clock: Clock): string {
  const ms = clock.now();
  // Thousands of records may be written in one millisecond.
  if (ms !== latest.ms) latest = { ms, text: new Date(ms).toISOString() };
  return latest.text;
}

let latest: { readonly ms: number; readonly text: string } = { ms: Number.NaN, text: '' };
