import { CubeError, isCubeError, messageOf } from '../errors/cube-error.ts';
import type { Clock, Timer } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import { Loop } from '../lib/loop.ts';
import type { Random } from '../lib/random.ts';
import {
  type Assignments,
  type Observation,
  PROTOCOL_VERSION,
  type StreamItem,
  type WorkerList,
} from '../link/protocol.ts';
import type { NodeStats, RuntimeFact } from '../node/node.ts';
import type { Reign } from '../store/manager-repository.ts';
import { ClockSkew } from './clock-skew.ts';
import { HeldAttempts, type Orders } from './held-attempts.ts';
import type { LivenessLimits } from './judge-liveness.ts';
import type { OrdersPlan } from './plan-orders.ts';
import type { WorkerLink } from './worker-link.ts';

/** What a connection needs of the manager around it. */
export interface ConnectionOwner {
  readonly link: WorkerLink;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly limits: LivenessLimits;
  readonly reign: Reign;
  /** Where the node's worker listens now. */
  addressOf(node: string): string;
  /** Records what was seen of attempts; resolves when that is durable. */
  recordObservations(node: string, seen: readonly Observation[]): Promise<void>;
  /** @throws CubeError `wrong-cluster` or `name-taken`: not the node's worker has answered. */
  admit(node: string, list: WorkerList): Promise<void>;
  /** Settles a full list: also what it leaves out; resolves when that is durable. */
  settle(node: string, list: WorkerList): Promise<void>;
  /** The orders that the worker lacks, given what it has: of these tasks, or else of all. */
  planOrders(node: string, held: HeldAttempts, changed?: ReadonlySet<string>): OrdersPlan;
  /** The worker has these orders on its disk. */
  onOrdersTaken(orders: Orders): void;
  onHeartbeat(node: string, stats: NodeStats, runtimes: readonly RuntimeFact[]): void;
  /** The connection was settled, or lost. */
  onConnectionChanged(node: string): void;
}

/** Reports whose recording may be under way at once; reading the stream waits beyond. */
const RECORDING_MAX = 1000;

/** An acknowledgement alone is not worth a request at once. */
const ACKNOWLEDGE_DELAY_MS = 500;

/** As a safety net all that a worker has is compared this often, in milliseconds. */
const FULL_LOOK_MS = 60_000;

/**
 * The manager's side of one worker: keeps its stream of reports open, settles its full list each
 * time before, and hands it orders until it has confirmed them.
 */
export class NodeConnection {
  readonly node: string;
  readonly clockSkew: ClockSkew = new ClockSkew();
  readonly #owner: ConnectionOwner;
  readonly #connectLoop: Loop;
  readonly #dispatchLoop: Loop;
  #held = new HeldAttempts();
  /** The tasks that may lack an order: those that have changed, here or at the worker. */
  #changed = new Set<string>();
  /** When all tasks were compared; undefined when that is due. */
  #comparedAt: number | undefined;
  #settled = false;
  #isSettling = false;
  #heardAt: number;
  #problem: string | undefined;
  #stats: NodeStats | undefined;
  /** The life of the worker that the list was of. */
  #incarnation: string | undefined;
  #acknowledged = 0;
  #acknowledgedSent = 0;
  /** Since the latest success. */
  #tries = 0;
  #stream: AbortController | undefined;
  /** Aborted with the stream, and when the connection is stopped. */
  #ended: AbortSignal | undefined;
  /** The connection over which the worker has taken a message. */
  #greeted: AbortController | undefined;

  constructor(node: string, owner: ConnectionOwner) {
    this.node = node;
    this.#owner = owner;
    this.#heardAt = owner.clock.monotonic();
    const shared = { clock: owner.clock, logger: owner.logger, retryMs: 100 };
    this.#connectLoop = new Loop({
      ...shared,
      name: `connect ${node}`,
      random: owner.random,
      retryMsMax: owner.limits.heartbeatMs,
      pass: (signal) => this.#connect(signal),
    });
    this.#dispatchLoop = new Loop({
      ...shared,
      name: `dispatch ${node}`,
      retryMsMax: 5000,
      pass: () => this.#dispatch(),
    });
  }

  /** Whether the worker's full list has been taken over and its stream is open. */
  get settled(): boolean {
    return this.#settled;
  }

  /**
   * How long nothing has been heard, in milliseconds. While the worker's word is being recorded it
   * is the manager who takes time, as on a slow disk, and the worker is not silent.
   */
  get silentMs(): number {
    return this.#isSettling ? 0 : this.#owner.clock.monotonic() - this.#heardAt;
  }

  /** Why the latest attempt to connect failed; undefined while connected. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** The latest heartbeat's stats. */
  get stats(): NodeStats | undefined {
    return this.#stats;
  }

  /** Reports whose recording is under way. */
  get recordingCount(): number {
    return this.#recording.size;
  }

  start(): void {
    this.#connectLoop.nudge();
  }

  /** Silence that is the listener's own, who was away for so long, in milliseconds. Default: all. */
  forgive(awayMs = Number.POSITIVE_INFINITY): void {
    this.#heardAt = Math.min(this.#owner.clock.monotonic(), this.#heardAt + awayMs);
  }

  /** The task has changed: looks for an order to hand over. */
  nudge(taskId: string): void {
    // All tasks are looked at when the connection is settled.
    if (!this.#settled) return;
    this.#changed.add(taskId);
    this.#dispatchLoop.nudge();
  }

  /** Drops the stream and connects anew, as when the worker's address has changed. */
  reconnect(): void {
    this.#stream?.abort(new CubeError('unreachable', 'The connection is made anew.'));
    this.#connectLoop.nudge();
  }

  async stop(): Promise<void> {
    await Promise.all([this.#connectLoop.stop(), this.#dispatchLoop.stop()]);
  }

  async #connect(signal: AbortSignal): Promise<void> {
    const stream = new AbortController();
    this.#stream = stream;
    const either = AbortSignal.any([signal, stream.signal]);
    this.#ended = either;
    try {
      await this.#listen(either, stream);
      this.#problem = 'the worker closed the connection';
    } catch (error) {
      signal.throwIfAborted();
      this.#problem = messageOf(error);
      throw error;
    } finally {
      const wasSettled = this.#settled;
      this.#settled = false;
      // Orders that are still on their way belong to what was known before.
      stream.abort(new CubeError('unreachable', 'The connection to the worker was lost.'));
      if (wasSettled && !signal.aborted) this.#owner.onConnectionChanged(this.node);
    }
    this.#connectLoop.nudgeAfter(100);
  }

  async #listen(signal: AbortSignal, stream: AbortController): Promise<void> {
    const { link, limits } = this.#owner;
    const address = this.#owner.addressOf(this.node);
    const silence = new SilenceTimer(this.#owner.clock, () => {
      stream.abort(new CubeError('unreachable', `Nothing was heard from ${address} in time.`));
    });
    const limitMs = Math.max(2.5 * limits.heartbeatMs, limits.nodeTimeoutMs / 2);
    try {
      // Soon given up at first, for there is time for only a few tries; then with more patience,
      // for it may be a long list.
      this.#tries += 1;
      silence.restart(Math.min(limitMs, limits.heartbeatMs * this.#tries));
      const list = await link.list(address, signal);
      silence.stop();
      this.#isSettling = true;
      await this.#settle(list);
      this.#isSettling = false;
      silence.restart(limitMs);
      for await (const item of link.reports(address, list.sequence, signal)) {
        silence.stop();
        await this.#take(item);
        silence.restart(limitMs);
      }
    } finally {
      this.#isSettling = false;
      silence.stop();
    }
  }

  async #settle(list: WorkerList): Promise<void> {
    await this.#owner.admit(this.node, list);
    // It has spoken, even if what it says cannot be recorded now, as on a full disk.
    this.#heardAt = this.#owner.clock.monotonic();
    await this.#owner.settle(this.node, list);
    this.#held = new HeldAttempts();
    for (const seen of list.observations) this.#held.observe(seen);
    for (const orphan of list.orphans) this.#held.findOrphan(orphan);
    this.#changed.clear();
    this.#comparedAt = undefined;
    this.#incarnation = list.incarnation;
    this.#acknowledged = list.sequence;
    this.#acknowledgedSent = 0;
    this.#recording.clear();
    this.#heardAt = this.#owner.clock.monotonic();
    this.#settled = true;
    this.#tries = 0;
    this.#problem = undefined;
    this.#owner.onConnectionChanged(this.node);
    this.#dispatchLoop.nudge();
  }

  readonly #recording = new Set<Promise<void>>();

  async #take(item: StreamItem): Promise<void> {
    this.#heardAt = this.#owner.clock.monotonic();
    if (item.type === 'heartbeat') {
      this.#stats = item.stats;
      this.clockSkew.note(item.stats.time, this.#owner.clock.now());
      if (this.#isComparisonDue) this.#dispatchLoop.nudge();
      this.#owner.onHeartbeat(this.node, item.stats, item.runtimes);
      return;
    }
    this.#held.observe(item.observation);
    this.#changed.add(item.observation.taskId);
    const recorded = this.#owner
      .recordObservations(this.node, [item.observation])
      .then(() => this.#acknowledge(item.sequence))
      .catch((error: unknown) => {
        // What was seen stays with the worker; connecting anew brings it again.
        this.#stream?.abort(error);
      })
      .finally(() => this.#recording.delete(recorded));
    this.#recording.add(recorded);
    if (this.#recording.size >= RECORDING_MAX) await Promise.race(this.#recording);
  }

  #acknowledge(sequence: number): void {
    this.#acknowledged = Math.max(this.#acknowledged, sequence);
    this.#dispatchLoop.nudgeAfter(ACKNOWLEDGE_DELAY_MS);
  }

  get #isComparisonDue(): boolean {
    const since = this.#comparedAt;
    return since === undefined || this.#owner.clock.monotonic() - since >= FULL_LOOK_MS;
  }

  async #dispatch(): Promise<void> {
    if (!this.#settled) return;
    const stream = this.#stream;
    const ended = this.#ended;
    const { orders, left } = this.#plan();
    const count = orders.run.length + orders.stop.length + orders.forget.length;
    const acknowledged = this.#acknowledged;
    const isNews = count > 0 || acknowledged !== this.#acknowledgedSent;
    // The first message of a connection goes out even without orders: from then on the worker
    // knows the epoch, refuses every earlier one, and is heard as often as it is to be.
    if (ended === undefined || (this.#greeted === stream && !isNews)) return;
    await this.#assign({ ...orders, acknowledged }, ended);
    this.#owner.onOrdersTaken(orders);
    // Another list has been taken over since; what it leaves out is ordered again.
    if (this.#stream !== stream) return;
    this.#greeted = stream;
    this.#acknowledgedSent = acknowledged;
    this.#held.takeOrders(orders);
    for (const id of left) this.#changed.add(id);
    // What did not fit, or came meanwhile, follows at once.
    if (this.#changed.size > 0) this.#dispatchLoop.nudge();
  }

  get #addressed(): Pick<Assignments, 'incarnation'> {
    return this.#incarnation === undefined ? {} : { incarnation: this.#incarnation };
  }

  /** The orders for what has changed since the last time, and from time to time for everything. */
  #plan(): OrdersPlan {
    const changed = this.#changed;
    this.#changed = new Set();
    if (!this.#isComparisonDue) return this.#owner.planOrders(this.node, this.#held, changed);
    this.#comparedAt = this.#owner.clock.monotonic();
    return this.#owner.planOrders(this.node, this.#held);
  }

  async #assign(
    news: Orders & Pick<Assignments, 'acknowledged'>,
    signal: AbortSignal,
  ): Promise<void> {
    const { link, reign, limits } = this.#owner;
    const { heartbeatMs } = limits;
    try {
      await link.assign(
        this.#owner.addressOf(this.node),
        { protocol: PROTOCOL_VERSION, ...reign, ...news, heartbeatMs, ...this.#addressed },
        signal,
      );
    } catch (error) {
      // Whether they were taken is not known, so that all are compared again.
      this.#comparedAt = undefined;
      if (isCubeError(error, 'stale-orders')) this.#stream?.abort(error);
      throw error;
    }
  }
}

/** Timers come before what is there to be read: a moment later that is read too. In milliseconds. */
const SECOND_LOOK_MS = 1;

/** Calls once when it has not been restarted for the time given. */
class SilenceTimer {
  readonly #clock: Clock;
  readonly #onSilence: () => void;
  #timer: Timer | undefined;

  constructor(clock: Clock, onSilence: () => void) {
    this.#clock = clock;
    this.#onSilence = onSilence;
  }

  restart(limitMs: number): void {
    this.#timer?.cancel();
    this.#timer = this.#clock.setTimer(limitMs, () => {
      // If the listener itself was held up, a word may be waiting for it to be read.
      this.#timer = this.#clock.setTimer(SECOND_LOOK_MS, this.#onSilence);
    });
  }

  stop(): void {
    this.#timer?.cancel();
  }
}
