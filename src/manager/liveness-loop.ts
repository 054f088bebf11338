import type { EventDraft } from '../event/event.ts';
import { type Clock, timestamp } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import { Loop } from '../lib/loop.ts';
import type { Liveness, Node } from '../node/node.ts';
import { isPlaced } from '../task/task.ts';
import type { ClusterState } from './cluster-state.ts';
import type { Committer } from './committer.ts';
import { deafMs, judgeLiveness, type LivenessLimits, wasAway } from './judge-liveness.ts';
import { judgeNodeLost } from './judge-node-lost.ts';
import type { NodeConnection } from './node-connection.ts';

export interface LivenessLoopOptions {
  readonly state: ClusterState;
  readonly committer: Committer;
  readonly limits: LivenessLimits;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly connections: ReadonlyMap<string, NodeConnection>;
}

interface LivenessChange {
  readonly liveness: Liveness;
  readonly why: string;
  /** RFC 3339. */
  readonly time: string;
}

const eventTypes = {
  up: 'node-came-up',
  unreachable: 'node-became-unreachable',
  down: 'node-went-down',
} as const satisfies Record<Liveness, EventDraft['type']>;

/**
 * Judges how every node is doing, and gives up what is placed on those that are down: also what
 * was being placed there as it went down, and what is stopped only afterwards.
 */
export class LivenessLoop {
  readonly #options: LivenessLoopOptions;
  readonly #loop: Loop;
  #lookedAt: number;

  constructor(options: LivenessLoopOptions) {
    this.#options = options;
    this.#lookedAt = options.clock.monotonic();
    this.#loop = new Loop({
      name: 'liveness',
      clock: options.clock,
      logger: options.logger,
      // Between two heartbeats, so that a time-out is noticed within a fraction of one.
      intervalMs: options.limits.heartbeatMs / 2,
      pass: () => this.#pass(),
    });
  }

  start(): void {
    this.#loop.nudge();
  }

  nudge(): void {
    this.#loop.nudge();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  async #pass(): Promise<void> {
    const { clock, limits, connections, committer, state, logger } = this.#options;
    const now = clock.monotonic();
    if (wasAway(now - this.#lookedAt, limits)) {
      logger.warn(
        { awayMs: now - this.#lookedAt },
        'The manager was stopped; silence is forgiven.',
      );
      for (const connection of connections.values()) connection.forgive();
    } else {
      const forgivenMs = deafMs(now - this.#lookedAt, limits);
      for (const connection of connections.values()) connection.forgive(forgivenMs);
    }
    this.#lookedAt = now;
    const time = timestamp(clock);
    const drafts = state.nodes().flatMap((node) => {
      const connection = connections.get(node.name);
      if (connection === undefined) return [];
      const { silentMs, settled, problem } = connection;
      const liveness = judgeLiveness({ silentMs, settled, current: node.liveness }, limits);
      const why =
        problem ??
        (settled ? `silent for ${Math.round(silentMs)} ms` : 'its worker has not been reached yet');
      const change =
        liveness === node.liveness ? [] : [livenessDraft(node, { liveness, why, time })];
      return liveness === 'down' ? [...change, ...this.#lostOn(node.name, time)] : change;
    });
    if (drafts.length > 0) await committer.commit(() => ({ drafts, result: undefined }));
  }

  /** What becomes of the tasks that are placed on a node that is down. */
  #lostOn(name: string, time: string): readonly EventDraft[] {
    const { state, committer } = this.#options;
    return [...state.placedOn(name)].flatMap((id) => {
      const task = committer.view.findTask(id);
      const isStillThere = task?.status.node === name && isPlaced(task);
      return isStillThere ? (judgeNodeLost(task, { node: name, time }) ?? []) : [];
    });
  }
}

function livenessDraft(node: Node, change: LivenessChange): EventDraft {
  const { name } = node;
  const { liveness, why, time } = change;
  const isUp = liveness === 'up';
  return {
    type: eventTypes[liveness],
    node: name,
    facts: { liveness, livenessSince: time, livenessReason: isUp ? null : why },
    cause: isUp ? `word of ${name}` : `silence of ${name}`,
    correlationId: name,
    actor: 'manager',
  };
}
