import { CubeError } from '../errors/cube-error.ts';
import { quoteText } from '../errors/describe-value.ts';
import type { CubeEvent, EventDraft } from '../event/event.ts';
import { type EventFeed, eachEvent, type FollowOptions } from '../event/event-feed.ts';
import { assert } from '../lib/assert.ts';
import { timestamp } from '../lib/clock.ts';
import type { Announcement, JoinReply, LogLine, LogOptions } from '../link/protocol.ts';
import type { Node } from '../node/node.ts';
import { ManagerRepository, type Reign } from '../store/manager-repository.ts';
import type { Submission, Submitted } from '../task/submission.ts';
import { isFinal, type Task } from '../task/task.ts';
import { AttemptTimes } from './attempt-times.ts';
import { beginReign } from './begin-reign.ts';
import { type AppliedEvent, ClusterState } from './cluster-state.ts';
import { Committer } from './committer.ts';
import { DrainLoop } from './drain-loop.ts';
import { EventLog } from './event-log.ts';
import { explainTask, type TaskExplanation, walkBack } from './explain.ts';
import { History } from './history.ts';
import { assertSameProtocol } from './judge-join.ts';
import { restartDrafts } from './judge-replacement.ts';
import {
  drainRequestDrafts,
  type LabelChanges,
  labelDrafts,
  resumeDrafts,
} from './judge-steering.ts';
import { listTasks, type TaskFilter } from './list-tasks.ts';
import { logEvents } from './log-events.ts';
import {
  type CompiledManagerOptions,
  compileManagerOptions,
  type ManagerOptions,
} from './manager-options.ts';
import {
  type ManagerOverview,
  type NodeOverview,
  type Origin,
  type QueueLengths,
  toNodeOverview,
} from './manager-overview.ts';
import { NodeSupervisor } from './node-supervisor.ts';
import { PastReader } from './past-reader.ts';
import { type PlannedTask, planTasks } from './planned-task.ts';
import { RetentionLoop } from './retention-loop.ts';
import { RunningAttempts } from './running-attempts.ts';
import { ScheduleLoop } from './schedule-loop.ts';
import { StoreSize } from './store-size.ts';
import { planSubmission, prunedError, stopDrafts } from './submit.ts';
import { type TaskWithAge, withAge } from './task-age.ts';
import { TaskJourneys } from './task-journeys.ts';
import { Upkeep } from './upkeep.ts';

/** What exists only between start and stop. */
interface Parts {
  readonly reign: Reign;
  readonly state: ClusterState;
  readonly committer: Committer;
  readonly log: EventLog;
  readonly history: History;
  readonly times: AttemptTimes;
  readonly journeys: TaskJourneys;
  readonly schedule: ScheduleLoop;
  readonly nodes: NodeSupervisor;
  readonly retention: RetentionLoop;
  readonly drain: DrainLoop;
  readonly upkeep: Upkeep;
  readonly startedAt: string;
}

/**
 * Accepts tasks, gives each a node, and watches over them. Everything it knows is the fold of the
 * events in its store: it may be killed at any moment, and the next one goes on from there.
 */
export class Manager {
  readonly #options: CompiledManagerOptions;
  readonly #repository: ManagerRepository;
  readonly #storeSize: StoreSize;
  #parts: Parts | undefined;
  #isStopped = false;

  constructor(options: ManagerOptions) {
    this.#options = compileManagerOptions(options);
    this.#repository = new ManagerRepository(options.store);
    this.#storeSize = new StoreSize(this.#repository, this.#options.logger);
  }

  /**
   * Reads the store, begins a new epoch, and only then speaks to workers.
   *
   * @throws CubeError of the store.
   */
  async start(): Promise<void> {
    const { store, ...options } = this.#options;
    const { clock, random, logger } = options;
    const { reign, stored } = await beginReign(this.#repository, options);
    const state = new ClusterState();
    state.restore(stored);
    const times = new AttemptTimes(clock);
    for (const task of state.tasks()) times.note(task);
    const journeys = new TaskJourneys(options);
    const past = new PastReader(this.#repository, (turns) => committer.afterTurns(turns));
    const log = new EventLog(state, past);
    const history = new History(state, past);
    const committer = new Committer({
      state,
      repository: this.#repository,
      clock,
      random,
      publish: (group) => this.#publish(group),
      onFatal: (error) => {
        logger.error({ err: error }, 'The manager cannot go on.');
        // It may still be read, but it commands nobody any more: another one may reign.
        for (const loop of [schedule, nodes, retention, drain]) void loop.stop();
        options.onFatal(error);
      },
    });
    const schedule = new ScheduleLoop({ ...options, state, committer, times });
    const nodes = new NodeSupervisor({ ...options, state, committer, times, journeys, reign });
    const retention = new RetentionLoop({
      ...options,
      state,
      committer,
      repository: this.#repository,
      limits: options.retention,
    });
    const drain = new DrainLoop({
      ...options,
      state,
      committer,
      snapshot: () => schedule.snapshot(),
    });
    await this.#storeSize.measure();
    const startedAt = timestamp(clock);
    const upkeep = new Upkeep({ store, state, committer, clock });
    const loops = { schedule, nodes, retention, drain, upkeep };
    this.#parts = { reign, state, committer, log, history, times, journeys, ...loops, startedAt };
    schedule.start();
    nodes.start();
    retention.start();
    drain.start();
    logger.info({ ...reign, revision: state.revision, tasks: state.taskCount }, 'Manager started.');
  }

  /** Ends all loops and connections; tasks run on. May be called again. */
  async stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    const parts = this.#parts;
    if (parts === undefined) return;
    parts.log.close();
    const { schedule, nodes, retention, drain } = parts;
    await Promise.all([schedule, nodes, retention, drain].map((loop) => loop.stop()));
    await parts.committer.close();
  }

  /**
   * Accepts a task; resolves when it is durable.
   *
   * @throws CubeError `conflict` or `pruned`; `storage-full`, when the disk is short of room.
   */
  async submit(submission: Submission, origin: Origin): Promise<Submitted> {
    const { committer, state, journeys } = this.#started();
    const id = submission.id ?? this.#options.random.uuid();
    const { taskCountMax } = this.#options;
    const { shortage } = this.#repository;
    const request = { id, spec: submission.spec, requestId: origin.requestId };
    const created = await journeys.follow(id, origin.traceparent, () =>
      committer.commit((view) => planSubmission(request, { state, view, taskCountMax, shortage })),
    );
    return { task: this.#getTask(id), created };
  }

  /** What would become of these tasks if they were submitted now. Changes nothing. */
  plan(submissions: readonly Submission[]): readonly PlannedTask[] {
    return planTasks(submissions, { ...this.#options, ...this.#started() });
  }

  /** Asks that a task does not run any more; resolves when the wish is durable. */
  stopTask(id: string, origin: Origin): Promise<TaskWithAge> {
    const time = timestamp(this.#options.clock);
    return this.#changeTask(id, (task) => stopDrafts(task, { ...origin, time }));
  }

  /**
   * Asks for the next attempt of a task; resolves when the wish is durable.
   *
   * @throws CubeError `conflict`, when it was stopped or has completed.
   */
  restartTask(id: string, origin: Origin): Promise<TaskWithAge> {
    return this.#changeTask(id, (task) => restartDrafts(task, origin));
  }

  async #changeTask(
    id: string,
    judge: (task: Task) => readonly EventDraft[],
  ): Promise<TaskWithAge> {
    const { committer } = this.#started();
    await this.getTask(id);
    await committer.commit((view) => {
      const task = view.findTask(id);
      const drafts = task === undefined ? [] : judge(task);
      return { drafts, result: undefined, isAnswer: true };
    });
    return this.getTask(id);
  }

  /** From now on a node takes no tasks, and those on it move elsewhere, one by one. */
  drainNode(name: string, origin: Origin): Promise<NodeOverview> {
    return this.#changeNode(name, (node) => drainRequestDrafts(node, origin));
  }

  /** A node that was drained takes tasks again. */
  resumeNode(name: string, origin: Origin): Promise<NodeOverview> {
    return this.#changeNode(name, (node) => resumeDrafts(node, origin));
  }

  /** Gives a node labels over those of its worker. @throws CubeError `invalid-input`. */
  labelNode(name: string, changes: LabelChanges, origin: Origin): Promise<NodeOverview> {
    return this.#changeNode(name, (node) => labelDrafts(node, changes, origin));
  }

  async #changeNode(
    name: string,
    judge: (node: Node) => readonly EventDraft[],
  ): Promise<NodeOverview> {
    await this.#started().committer.commit((view) => {
      const node = view.findNode(name);
      if (node === undefined) {
        throw new CubeError('not-found', `There is no node with the name ${quoteText(name)}.`, {
          hint: '"cube node" lists them all.',
        });
      }
      return { drafts: judge(node), result: undefined, isAnswer: true };
    });
    const changed = this.listNodes().find(({ node }) => node.name === name);
    assert(changed !== undefined, 'a node that was changed is there');
    return changed;
  }

  /** @throws CubeError `not-found`, or `pruned` where its id is still known. */
  async getTask(id: string): Promise<TaskWithAge> {
    const task = this.#started().state.findTask(id);
    if (task !== undefined) return this.#withAge(task);
    if (this.#started().state.prunedIds.has(id)) throw prunedError(id);
    throw new CubeError('not-found', `There is no task ${id}.`, {
      hint: 'See "cube status" for the tasks there are.',
    });
  }

  async listTasks(
    query: TaskFilter,
  ): Promise<{ items: readonly TaskWithAge[]; cursor?: string; revision: number }> {
    const { state } = this.#started();
    const { items, ...cursor } = listTasks(state.tasks(), query);
    return {
      items: items.map((task) => this.#withAge(task)),
      ...cursor,
      revision: state.revision,
    };
  }

  listNodes(): readonly NodeOverview[] {
    const { schedule, nodes } = this.#started();
    return schedule.snapshot().nodes.map((counted) => toNodeOverview(counted, nodes));
  }

  /** What was, at any moment that the log still reaches. */
  get history(): History {
    return this.#started().history;
  }

  /** Backups and the like. */
  get upkeep(): Upkeep {
    return this.#started().upkeep;
  }

  /** How a task was placed, or why it is not, with the verdict on every node. */
  async explain(id: string): Promise<TaskExplanation> {
    const { state, schedule, times, history } = this.#started();
    const { task } = await this.getTask(id);
    return explainTask(task, {
      state,
      repository: history.log,
      scheduler: this.#options.scheduler,
      snapshot: schedule.snapshot(),
      dueInMs: times.dueInMs(id),
    });
  }

  /** The events of one task that are still kept, oldest first. */
  async taskEvents(id: string): Promise<readonly CubeEvent[]> {
    const { task } = await this.getTask(id);
    return (await Array.fromAsync(walkBack(task, this.#repository))).reverse();
  }

  /** Events after a revision, from the log and then as they come. Reading throws `pruned`. */
  follow(options: FollowOptions): EventFeed {
    return this.#started().log.follow(options);
  }

  /** As `follow`, one by one. */
  events(after: number, signal: AbortSignal): AsyncIterable<CubeEvent> {
    return eachEvent(this.follow({ after, signal }));
  }

  /** The output of the current attempt, from its worker. */
  logs(id: string, options: LogOptions, signal: AbortSignal): AsyncIterable<LogLine> {
    return this.attempts.logs(id, options, signal);
  }

  /** What only the workers can tell or do. */
  get attempts(): RunningAttempts {
    const getTask = (id: string) => this.getTask(id);
    return new RunningAttempts({ ...this.#options, ...this.#started(), getTask });
  }

  /** A worker presents itself. @throws CubeError `wrong-cluster` or `name-taken`. */
  async join(announcement: Announcement): Promise<JoinReply> {
    const { reign, nodes } = this.#started();
    const { protocol, cluster, facts } = announcement;
    assertSameProtocol(protocol);
    await nodes.join(facts, cluster);
    return {
      cluster: reign.cluster,
      epoch: reign.epoch,
      heartbeatMs: this.#options.limits.heartbeatMs,
    };
  }

  status(): ManagerOverview {
    const { reign, state, committer, startedAt } = this.#started();
    this.#storeSize.measureSoon();
    const { scheduler, version } = this.#options;
    const problem = committer.problem?.message;
    return {
      ...reign,
      revision: state.revision,
      floor: state.floor,
      store: this.#repository.kind,
      storeBytes: this.#storeSize.bytes,
      scheduler: scheduler.name,
      taskCounts: state.taskCounts,
      nodeCount: state.nodeCount,
      startedAt,
      version,
      healthy: problem === undefined,
      ...(problem === undefined ? {} : { problem }),
    };
  }

  /** What waits for its turn here, by what it waits for. */
  queueLengths(): QueueLengths {
    const { committer, state, nodes } = this.#started();
    return {
      commit: committer.queueLength,
      schedule: state.waiting.size,
      report: nodes.reportCount,
    };
  }

  #started(): Parts {
    if (this.#parts === undefined || this.#isStopped) {
      const what = this.#isStopped ? 'stopping' : 'starting';
      throw new CubeError('unavailable', `The manager is ${what}; try again.`);
    }
    return this.#parts;
  }

  #getTask(id: string): Task {
    const task = this.#started().state.findTask(id);
    if (task === undefined) throw prunedError(id);
    return task;
  }

  #withAge(task: Task): TaskWithAge {
    const { node } = task.status;
    return withAge(task, node === undefined ? undefined : this.#started().state.findNode(node));
  }

  #publish(group: readonly AppliedEvent[]): void {
    const parts = this.#parts;
    if (parts === undefined) return;
    for (const applied of group) {
      parts.journeys.onPublished(applied);
      if (applied.task !== undefined) parts.times.note(applied.task);
      else if (applied.event.taskId !== undefined) parts.times.forget(applied.event.taskId);
      parts.schedule.onPublished(applied);
      parts.nodes.onPublished(applied);
      parts.drain.onPublished(applied);
      if (applied.task !== undefined && isFinal(applied.task)) parts.retention.onFinished();
    }
    const events = group.map(({ event }) => event);
    logEvents(this.#options.logger, events);
    parts.log.publish(events);
  }
}
