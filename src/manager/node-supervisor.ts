import { CubeError } from '../errors/cube-error.ts';
import type { EventDraft } from '../event/event.ts';
import { type Clock, timestamp } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import type { Random } from '../lib/random.ts';
import type { Observation, RunOrder, WorkerList } from '../link/protocol.ts';
import type { Node, NodeFacts, NodeStats, RuntimeFact } from '../node/node.ts';
import type { Reign } from '../store/manager-repository.ts';
import type { Task } from '../task/task.ts';
import type { AttemptTimes } from './attempt-times.ts';
import type { AppliedEvent, ClusterState, StateView } from './cluster-state.ts';
import type { Committer } from './committer.ts';
import type { HeldAttempts, Orders } from './held-attempts.ts';
import { judgeHeartbeat } from './judge-heartbeat.ts';
import { judgeJoin } from './judge-join.ts';
import type { LivenessLimits } from './judge-liveness.ts';
import { judgeObservation, type ObservationContext } from './judge-observation.ts';
import { LivenessLoop } from './liveness-loop.ts';
import { type ConnectionOwner, NodeConnection } from './node-connection.ts';
import { NodeLosses } from './node-losses.ts';
import { type OrdersPlan, planOrders } from './plan-orders.ts';
import { SeedLoop } from './seed-loop.ts';
import { settleList } from './settle-list.ts';
import type { TaskJourneys } from './task-journeys.ts';
import type { WorkerLink } from './worker-link.ts';

export interface NodeSupervisorOptions {
  readonly state: ClusterState;
  readonly committer: Committer;
  readonly times: AttemptTimes;
  readonly journeys: TaskJourneys;
  readonly reign: Reign;
  readonly link: WorkerLink;
  readonly workerAddresses: readonly string[];
  readonly limits: LivenessLimits;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** Measured use of one node is recorded this often at most, in milliseconds. */
const OBSERVED_INTERVAL_MS = 60_000;

/** Keeps a connection to every node, and records what comes over it. */
export class NodeSupervisor implements ConnectionOwner {
  readonly link: WorkerLink;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly limits: LivenessLimits;
  readonly reign: Reign;
  readonly #options: NodeSupervisorOptions;
  readonly #connections = new Map<string, NodeConnection>();
  readonly #liveness: LivenessLoop;
  readonly #seeds: SeedLoop;
  readonly #losses: NodeLosses;
  readonly #observedAt = new Map<string, number>();
  /** Nodes whose full lists are being recorded. */
  readonly #settling = new Set<string>();
  #isStopped = false;

  constructor(options: NodeSupervisorOptions) {
    this.#options = options;
    this.link = options.link;
    this.clock = options.clock;
    this.random = options.random;
    this.logger = options.logger;
    this.limits = options.limits;
    this.reign = options.reign;
    this.#losses = new NodeLosses(options.clock);
    this.#liveness = new LivenessLoop({ ...options, connections: this.#connections });
    this.#seeds = new SeedLoop({
      ...options,
      onFound: ({ address, list }) => this.join({ ...list.facts, address }, list.cluster),
    });
  }

  start(): void {
    for (const { name } of this.#options.state.nodes()) this.ensureConnected(name);
    this.#liveness.start();
    this.#seeds.start();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    const connections = [...this.#connections.values()];
    await Promise.all([
      this.#liveness.stop(),
      this.#seeds.stop(),
      ...connections.map((connection) => connection.stop()),
    ]);
  }

  /** Connects to a node that has joined; connects anew where its address has changed. */
  ensureConnected(node: string): void {
    if (this.#isStopped) return;
    const existing = this.#connections.get(node);
    if (existing !== undefined) {
      if (!existing.settled) existing.start();
      return;
    }
    const connection = new NodeConnection(node, this);
    this.#connections.set(node, connection);
    connection.start();
  }

  /** How far the node's clock is ahead, in milliseconds; 0 before anything is known. */
  clockSkewOf(node: string): number {
    return this.#connections.get(node)?.clockSkew.ms ?? 0;
  }

  statsOf(node: string): NodeStats | undefined {
    return this.#connections.get(node)?.stats;
  }

  /** Reports of all workers whose recording is under way. */
  get reportCount(): number {
    return this.#connections.values().reduce((sum, one) => sum + one.recordingCount, 0);
  }

  /** Whether it comes and goes. */
  isFlapping(node: string): boolean {
    return this.#losses.isFlapping(node);
  }

  /** Takes note of what has become durable: new orders, or another address. */
  onPublished({ event, task, taskBefore, node, nodeBefore }: AppliedEvent): void {
    if (event.taskId !== undefined) {
      // The node that a task has left has something to forget.
      const now = task?.status.node;
      const before = taskBefore?.status.node;
      if (now !== undefined) this.#connections.get(now)?.nudge(event.taskId);
      if (before !== undefined && before !== now) {
        this.#connections.get(before)?.nudge(event.taskId);
      }
    } else if (node !== undefined && nodeBefore !== undefined) {
      // What a runtime holds can be seen again once it is back: the full list tells of it.
      const isBack = isRuntimeBack(nodeBefore, node) && !this.#settling.has(node.name);
      if (isBack || event.facts?.address !== undefined) {
        this.#connections.get(node.name)?.reconnect();
      }
      if (nodeBefore.liveness === 'up' && node.liveness !== 'up') this.#noteLoss(node.name);
    }
  }

  #noteLoss(node: string): void {
    const wasFlapping = this.isFlapping(node);
    this.#losses.note(node);
    if (wasFlapping || !this.isFlapping(node)) return;
    this.logger.warn({ node }, 'The node is flapping: look at its network, and at its load.');
  }

  /** @throws CubeError `wrong-cluster`, when a worker belongs to another one. */
  assertCluster(node: string, cluster: string | undefined): void {
    if (cluster === undefined || cluster === this.reign.cluster) return;
    throw new CubeError(
      'wrong-cluster',
      `Worker ${node} belongs to cluster ${cluster}, and this is ${this.reign.cluster}.`,
      { hint: 'Give the worker a data directory of its own to let it join this cluster.' },
    );
  }

  addressOf(node: string): string {
    const address = this.#options.state.findNode(node)?.address;
    if (address === undefined) throw new CubeError('unreachable', `Node ${node} has no address.`);
    return address;
  }

  async recordObservations(node: string, seen: readonly Observation[]): Promise<void> {
    await this.#options.committer.commit((view) => {
      const drafts = seen.flatMap((observation) => {
        const task = view.findTask(observation.taskId);
        if (task === undefined) return [];
        return judgeObservation(task, observation, this.#contextOf(node, task)) ?? [];
      });
      return { drafts, result: undefined };
    });
  }

  async admit(node: string, list: WorkerList): Promise<void> {
    const { id, name } = list.facts;
    this.assertCluster(node, list.cluster);
    const known = this.#options.committer.view.findNode(node);
    if (known === undefined || (known.id === id && name === node)) return;
    if (name !== node) {
      throw new CubeError('name-taken', `At the address of node ${node} answers worker ${name}.`);
    }
    // Another worker under the same name, as after its data directory was lost.
    await this.#commitJoin({ ...list.facts, address: known.address });
  }

  /** A worker has presented itself. @throws CubeError `wrong-cluster` or `name-taken`. */
  async join(facts: NodeFacts, cluster: string | undefined): Promise<void> {
    this.assertCluster(facts.name, cluster);
    await this.#commitJoin(facts);
    this.ensureConnected(facts.name);
  }

  async settle(node: string, list: WorkerList): Promise<void> {
    this.#settling.add(node);
    try {
      await this.#commitList(node, list);
    } finally {
      this.#settling.delete(node);
    }
  }

  async #commitList(node: string, list: WorkerList): Promise<void> {
    const { committer, state, clock } = this.#options;
    await committer.commit((view) => {
      const placed = [...state.placedOn(node)].flatMap((id) => view.findTask(id) ?? []);
      const drafts = settleList(list, {
        node,
        placed: placed.filter(({ status }) => status.node === node),
        findTask: (id) => view.findTask(id),
        observationContext: (task) => this.#contextOf(node, task),
        time: timestamp(clock),
      });
      return { drafts: [...this.#factDrafts(view, node, list), ...drafts], result: undefined };
    });
  }

  planOrders(node: string, held: HeldAttempts, changed?: ReadonlySet<string>): OrdersPlan {
    const { state } = this.#options;
    const taskIds = changed ?? new Set([...state.placedOn(node), ...held.taskIds()]);
    const findTask = (id: string): Task | undefined => state.findTask(id);
    const { orders, left } = planOrders(taskIds, { node, held, findTask });
    return { orders: { ...orders, run: orders.run.map((order) => this.#withTrace(order)) }, left };
  }

  onOrdersTaken({ run }: Orders): void {
    this.#options.journeys.onOrdersTaken(run);
  }

  #withTrace(order: RunOrder): RunOrder {
    const traceparent = this.#options.journeys.traceparentOf(order);
    return traceparent === undefined ? order : { ...order, traceparent };
  }

  onHeartbeat(node: string, stats: NodeStats, runtimes: readonly RuntimeFact[]): void {
    const { committer, state, clock, logger } = this.#options;
    const known = state.findNode(node);
    if (known === undefined) return;
    // Silence that has just been broken is judged at once, not at the next round.
    if (known.liveness !== 'up') this.#liveness.nudge();
    // What is only measured is not worth the last room of a disk.
    const mayObserve = committer.problem === undefined && this.#mayObserve(node);
    const drafts = judgeHeartbeat(known, { stats, runtimes }).filter(
      ({ type }) => type !== 'node-observed' || mayObserve,
    );
    if (drafts.length === 0) return;
    if (drafts.some(({ type }) => type === 'node-observed')) {
      this.#observedAt.set(node, clock.monotonic());
    }
    committer
      .commit(() => ({ drafts, result: undefined }))
      .catch((error: unknown) => {
        // The next heartbeat says it again.
        logger.warn({ err: error, node }, 'A heartbeat could not be recorded.');
      });
  }

  onConnectionChanged(_node: string): void {
    this.#liveness.nudge();
  }

  #mayObserve(node: string): boolean {
    const last = this.#observedAt.get(node);
    return last === undefined || this.clock.monotonic() - last >= OBSERVED_INTERVAL_MS;
  }

  #contextOf(node: string, task: Task): ObservationContext {
    const { random, times } = this.#options;
    return { node, random, ranMs: times.ranMs(task.id), time: timestamp(this.clock) };
  }

  /** A worker may have changed since it joined; its list says how it is now. */
  #factDrafts(view: StateView, node: string, list: WorkerList): readonly EventDraft[] {
    const known = view.findNode(node);
    if (known === undefined) return [];
    // The address at which it answers is the one that works, whatever it believes of itself.
    return this.#judgeJoin(view, { ...list.facts, address: known.address });
  }

  async #commitJoin(facts: NodeFacts): Promise<void> {
    await this.#options.committer.commit((view) => ({
      drafts: this.#judgeJoin(view, facts),
      result: undefined,
    }));
  }

  #judgeJoin(view: StateView, facts: NodeFacts): readonly EventDraft[] {
    const { state } = this.#options;
    return judgeJoin(facts, {
      existing: view.findNode(facts.name),
      namesakes: state.nodesOfWorker(facts.id).filter(({ name }) => name !== facts.name),
      placedOn: (node) => [...state.placedOn(node)].flatMap((id) => state.findTask(id) ?? []),
      time: timestamp(this.clock),
    });
  }
}

function isRuntimeBack(before: Node, after: Node): boolean {
  return after.runtimes.some(
    ({ name, available }) =>
      available && before.runtimes.some((one) => one.name === name && !one.available),
  );
}
