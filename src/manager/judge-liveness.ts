import type { Liveness } from '../node/node.ts';

/** Times of node liveness, in milliseconds of the monotonic clock. */
export interface LivenessLimits {
  /** How often a worker is to be heard. */
  readonly heartbeatMs: number;
  /** A node silent for this long is down, and its tasks are placed elsewhere. */
  readonly nodeTimeoutMs: number;
}

/**
 * Whether a node counts as up. Silence is measured by the listener's own monotonic clock, from the
 * last word heard; like a nurse on a round, it only asks how long ago, never what the patient's
 * watch says. A node that is not settled (its full list has not been taken over since the stream
 * opened) is never up, however loudly it speaks.
 *
 * One missed heartbeat makes a node unreachable, which stops placements there and shows on the
 * screen; only the full time-out makes it down, which moves tasks. Accrual detectors were not
 * taken: with one hop and a stream per node a fixed limit is as good, and can be explained.
 */
export function judgeLiveness(
  heard: { readonly silentMs: number; readonly settled: boolean; readonly current: Liveness },
  limits: LivenessLimits,
): Liveness {
  if (heard.silentMs >= limits.nodeTimeoutMs) return 'down';
  if (heard.settled && heard.silentMs < 2 * limits.heartbeatMs) return 'up';
  // A node that was down comes up only by being settled, never by half a word.
  return heard.current === 'down' ? 'down' : 'unreachable';
}

/**
 * Whether the listener itself was away (stopped, suspended): between two looks, `heartbeatMs`
 * apart by plan, far more time has passed. The silence of others proves nothing then.
 */
export function wasAway(gapMs: number, limits: LivenessLimits): boolean {
  return gapMs > limits.heartbeatMs + limits.nodeTimeoutMs / 2;
}

/**
 * For how long of the time between two looks the listener could not hear, as when something held
 * its event loop: that much silence, in milliseconds, is its own.
 */
export function deafMs(gapMs: number, limits: LivenessLimits): number {
  // Looks are half a heartbeat apart by plan; a look that is a little late is nothing.
  return gapMs > limits.heartbeatMs ? gapMs - limits.heartbeatMs / 2 : 0;
}
