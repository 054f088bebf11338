import type { EventDraft } from '../event/event.ts';
import { type Clock, timestamp } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import { Loop } from '../lib/loop.ts';
import type { Liveness, Node } from '../node/node.ts';
import type { ClusterState } from './cluster-state.ts';
import type { Committer } from './committer.ts';
import { judgeLiveness, type LivenessLimits, wasAway } from './judge-liveness.ts';
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

const eventTypes = {
  up: 'node-came-up',
  unreachable: 'node-became-unreachable',
  down: 'node-went-down',
} as const satisfies Record<Liveness, EventDraft['type']>;

/** Judges how every node is doing, and gives up what was placed on those that are down. */
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
    }
    this.#lookedAt = now;
    const changes = state.nodes().flatMap((node) => {
      const connection = connections.get(node.name);
      if (connection === undefined) return [];
      const { silentMs, settled, problem } = connection;
      const liveness = judgeLiveness({ silentMs, settled, current: node.liveness }, limits);
      if (liveness === node.liveness) return [];
      return [{ node, liveness, problem: problem ?? `silent for ${Math.round(silentMs)} ms` }];
    });
    if (changes.length === 0) return;
    await committer.commit(() => ({
      drafts: changes.flatMap((change) => this.#drafts(change)),
      result: undefined,
    }));
  }

  #drafts(change: {
    readonly node: Node;
    readonly liveness: Liveness;
    readonly problem: string;
  }): readonly EventDraft[] {
    const { clock, state, committer } = this.#options;
    const { name } = change.node;
    const time = timestamp(clock);
    const isUp = change.liveness === 'up';
    const draft: EventDraft = {
      type: eventTypes[change.liveness],
      node: name,
      facts: {
        liveness: change.liveness,
        livenessSince: time,
        livenessReason: isUp ? null : change.problem,
      },
      cause: isUp ? `word of ${name}` : `silence of ${name}`,
      correlationId: name,
      actor: 'manager',
    };
    if (change.liveness !== 'down') return [draft];
    const given = [...state.placedOn(name)].flatMap((id) => {
      const task = committer.view.findTask(id);
      const isStillThere =
        task?.status.node === name &&
        (task.status.state === 'running' || task.status.state === 'scheduled');
      return task === undefined || !isStillThere ? [] : [task];
    });
    const lost = given.flatMap((task) => judgeNodeLost(task, { node: name, time }) ?? []);
    return [draft, ...lost];
  }
}
