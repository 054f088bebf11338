import { isDeepStrictEqual } from 'node:util';
import { isCubeError } from '../errors/cube-error.ts';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import { Loop } from '../lib/loop.ts';
import type { Random } from '../lib/random.ts';
import { type JoinReply, PROTOCOL_VERSION } from '../link/protocol.ts';
import type { NodeFacts } from '../node/node.ts';
import type { ManagerLink } from './worker-options.ts';

export interface AnnouncerOptions {
  readonly link: ManagerLink;
  readonly facts: () => NodeFacts;
  readonly cluster: () => string | undefined;
  readonly heartbeatMs: () => number;
  /** Takes the manager's answer; what it throws counts as a failed announcement. */
  readonly onJoined: (reply: JoinReply) => Promise<void>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

const BACKOFF_MS = 500;
const BACKOFF_MS_MAX = 15_000;
/** So many heartbeats without an open stream, and the manager may have forgotten this worker. */
const SILENT_HEARTBEAT_COUNT = 3;

/**
 * Presents the worker to its manager until that has opened a stream of reports, again whenever no
 * stream has been open for a while, and when the worker's facts have changed.
 */
export class Announcer {
  readonly #options: AnnouncerOptions;
  readonly #loop: Loop;
  #isStarted = false;
  #streamCount = 0;
  /** Since when no stream is open, or an announcement is unanswered by one. */
  #silentSince: number | undefined;
  #attemptCount = 0;
  #told: NodeFacts | undefined;
  #lastProblem: string | undefined;

  constructor(options: AnnouncerOptions) {
    const { clock, logger } = options;
    this.#options = options;
    this.#loop = new Loop({
      name: 'announce',
      clock,
      logger,
      pass: (signal) => this.#pass(signal),
    });
  }

  start(): void {
    this.#isStarted = true;
    this.#loop.nudge();
  }

  async stop(): Promise<void> {
    await this.#loop.stop();
  }

  /** The facts may have changed. */
  nudge(): void {
    // What is found out while the worker starts is told once it serves.
    if (this.#isStarted) this.#loop.nudge();
  }

  onStreamOpened(): void {
    this.#streamCount += 1;
    this.#silentSince = undefined;
    this.#attemptCount = 0;
  }

  onStreamClosed(): void {
    this.#streamCount -= 1;
    if (this.#streamCount > 0) return;
    this.#silentSince = this.#options.clock.monotonic();
    this.#loop.nudgeAfter(this.#silenceMs());
  }

  #silenceMs(): number {
    return SILENT_HEARTBEAT_COUNT * this.#options.heartbeatMs();
  }

  async #pass(signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#options;
    const waitMs = this.#waitMs();
    if (waitMs === undefined) return;
    if (waitMs > 0) {
      this.#loop.nudgeAfter(waitMs);
      return;
    }
    const isHeard = await this.#announce(signal);
    this.#attemptCount += 1;
    const backoffMs = Math.min(BACKOFF_MS_MAX, BACKOFF_MS * 2 ** Math.min(this.#attemptCount, 10));
    const jitteredMs = backoffMs * (0.5 + random.next() / 2);
    if (this.#streamCount > 0 && isHeard) {
      this.#silentSince = undefined;
      return;
    }
    // The next pass waits: nudges in between see that it is not yet time.
    const pauseMs = isHeard ? Math.max(this.#silenceMs(), jitteredMs) : jitteredMs;
    this.#silentSince = clock.monotonic() + pauseMs - this.#silenceMs();
    this.#loop.nudgeAfter(pauseMs);
  }

  /** How long the next announcement may wait; undefined while there is no need of one. */
  #waitMs(): number | undefined {
    const isNew = this.#told !== undefined && !isDeepStrictEqual(this.#told, this.#options.facts());
    if (this.#silentSince === undefined) {
      if (this.#streamCount === 0 || isNew) return 0;
      return undefined;
    }
    if (isNew && this.#lastProblem === undefined) return 0;
    return this.#silentSince + this.#silenceMs() - this.#options.clock.monotonic();
  }

  async #announce(signal: AbortSignal): Promise<boolean> {
    const { link, facts, cluster, onJoined, logger } = this.#options;
    const told = facts();
    const known = cluster();
    try {
      const announcement = {
        protocol: PROTOCOL_VERSION,
        ...(known === undefined ? {} : { cluster: known }),
        facts: told,
      };
      await onJoined(await link.announce(announcement, signal));
      this.#told = told;
      if (this.#attemptCount === 0 || this.#lastProblem !== undefined) {
        logger.info({ name: told.name }, 'The manager knows of this worker.');
      }
      this.#lastProblem = undefined;
      return true;
    } catch (error) {
      if (signal.aborted) throw error;
      this.#complain(error);
      return false;
    }
  }

  /** Says a problem once, and again when it is another one. */
  #complain(error: unknown): void {
    const problem = isCubeError(error) ? `${error.code}: ${error.message}` : String(error);
    if (problem === this.#lastProblem) return;
    this.#lastProblem = problem;
    const isForGood = isCubeError(error) && !error.retryable;
    const words = 'The manager could not be told of this worker; trying again.';
    if (isForGood) this.#options.logger.error({ err: error }, words);
    else this.#options.logger.warn({ err: error }, words);
  }
}
