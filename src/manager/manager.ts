import { CubeError } from '../errors/cube-error.ts';
import type { CubeEvent } from '../event/event.ts';
import { timestamp } from '../lib/clock.ts';
import {
  type Announcement,
  type JoinReply,
  type LogLine,
  type LogOptions,
  PROTOCOL_VERSION,
} from '../link/protocol.ts';
import type { Node, NodeStats, Resources } from '../node/node.ts';
import { ManagerRepository, type Reign } from '../store/manager-repository.ts';
import { isFinal, type Task } from '../task/task.ts';
import type { TaskSpec } from '../task/task-spec.ts';
import type { TaskState } from '../task/task-state.ts';
import { AttemptTimes } from './attempt-times.ts';
import { beginReign } from './begin-reign.ts';
import { type AppliedEvent, ClusterState } from './cluster-state.ts';
import { Committer } from './committer.ts';
import { EventLog } from './event-log.ts';
import { explainTask, type TaskExplanation, walkBack } from './explain.ts';
import { History } from './history.ts';
import { listTasks, type TaskFilter } from './list-tasks.ts';
import {
  type CompiledManagerOptions,
  compileManagerOptions,
  type ManagerOptions,
} from './manager-options.ts';
import { NodeSupervisor } from './node-supervisor.ts';
import { RetentionLoop } from './retention-loop.ts';
import { ScheduleLoop } from './schedule-loop.ts';
import { assertSameSpec, stopDrafts, submitDraft } from './submit.ts';
import { type TaskWithAge, withAge } from './task-age.ts';

export type { TaskWithAge } from './task-age.ts';

/** What exists only between start and stop. */
interface Parts {
  readonly reign: Reign;
  readonly state: ClusterState;
  readonly committer: Committer;
  readonly log: EventLog;
  readonly history: History;
  readonly times: AttemptTimes;
  readonly schedule: ScheduleLoop;
  readonly nodes: NodeSupervisor;
  readonly retention: RetentionLoop;
  readonly startedAt: string;
}

/**
 * Accepts tasks, gives each a node, and watches over them. Everything it knows is the fold of the
 * events in its store: it may be killed at any moment, and the next one goes on from there.
 */
export class Manager {
  readonly #options: CompiledManagerOptions;
  readonly #repository: ManagerRepository;
  #parts: Parts | undefined;
  #isStopped = false;
  #storeBytes = 0;

  constructor(options: ManagerOptions) {
    this.#options = compileManagerOptions(options);
    this.#repository = new ManagerRepository(options.store);
  }

  /**
   * Reads the store, begins a new epoch, and only then speaks to workers.
   *
   * @throws CubeError of the store.
   */
  async start(): Promise<void> {
    const { store: _, ...options } = this.#options;
    const { clock, random, logger } = options;
    const { reign, stored } = await beginReign(this.#repository, options);
    const state = new ClusterState();
    state.restore(stored);
    const times = new AttemptTimes(clock);
    for (const task of state.tasks()) times.note(task);
    const log = new EventLog(state, this.#repository);
    const history = new History(state, this.#repository);
    const committer = new Committer({
      state,
      repository: this.#repository,
      clock,
      random,
      publish: (group) => this.#publish(group),
      onFatal: (error) => {
        logger.error({ err: error }, 'The manager cannot go on.');
        // It may still be read, but it commands nobody any more: another one may reign.
        for (const loop of [schedule, nodes, retention]) void loop.stop();
        options.onFatal(error);
      },
    });
    const schedule = new ScheduleLoop({ ...options, state, committer, times });
    const nodes = new NodeSupervisor({ ...options, state, committer, times, reign });
    const retention = new RetentionLoop({
      ...options,
      state,
      committer,
      repository: this.#repository,
      limits: options.retention,
    });
    this.#storeBytes = await this.#repository.sizeBytes();
    const startedAt = timestamp(clock);
    const loops = { schedule, nodes, retention };
    this.#parts = { reign, state, committer, log, history, times, ...loops, startedAt };
    schedule.start();
    nodes.start();
    retention.start();
    logger.info({ ...reign, revision: state.revision, tasks: state.taskCount }, 'Manager started.');
  }

  /** Ends all loops and connections; tasks run on. May be called again. */
  async stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    const parts = this.#parts;
    if (parts === undefined) return;
    parts.log.close();
    await Promise.all([parts.schedule.stop(), parts.nodes.stop(), parts.retention.stop()]);
    await parts.committer.close();
  }

  /**
   * Accepts a task; resolves when it is durable.
   *
   * @throws CubeError `conflict` or `pruned`; `storage-full`, when the disk is short of room.
   */
  async submit(
    submission: { readonly id?: string | undefined; readonly spec: TaskSpec },
    origin: { readonly requestId: string },
  ): Promise<{ readonly task: Task; readonly created: boolean }> {
    const { committer, state } = this.#started();
    const id = submission.id ?? this.#options.random.uuid();
    const created = await committer.commit((view) => {
      const existing = view.findTask(id);
      // Whoever repeats a submission late must not have the task run a second time.
      const isGone = state.prunedIds.has(id) || state.findTask(id) !== undefined;
      if (existing === undefined && isGone) throw prunedError(id);
      if (existing !== undefined) {
        assertSameSpec(existing, submission.spec);
        return { drafts: [], result: false };
      }
      const { shortage } = this.#repository;
      if (shortage !== undefined) throw shortage;
      if (state.taskCount >= this.#options.taskCountMax) {
        throw new CubeError('too-many-requests', `The cluster holds ${state.taskCount} tasks.`, {
          hint: 'Stop tasks, or wait until finished ones are pruned.',
        });
      }
      return { drafts: [submitDraft(id, submission.spec, origin.requestId)], result: true };
    });
    return { task: this.#getTask(id), created };
  }

  /** Asks that a task does not run any more; resolves when the wish is durable. */
  async stopTask(id: string, origin: { readonly requestId: string }): Promise<TaskWithAge> {
    const { committer } = this.#started();
    await this.getTask(id);
    const time = timestamp(this.#options.clock);
    await committer.commit((view) => {
      const task = view.findTask(id);
      const drafts = task === undefined ? [] : stopDrafts(task, { ...origin, time });
      return { drafts, result: undefined };
    });
    return this.getTask(id);
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

  listNodes(): readonly {
    readonly node: Node;
    readonly committed: Resources;
    readonly taskCount: number;
    readonly stats?: NodeStats;
    readonly flapping?: boolean;
  }[] {
    const { schedule, nodes } = this.#started();
    return schedule.snapshot().nodes.map(({ node, committed, taskCount }) => {
      const stats = nodes.statsOf(node.name);
      return {
        node,
        committed,
        taskCount,
        ...(stats === undefined ? {} : { stats }),
        ...(nodes.isFlapping(node.name) ? { flapping: true } : {}),
      };
    });
  }

  /** What was, at any moment that the log still reaches. */
  get history(): History {
    return this.#started().history;
  }

  /** How a task was placed, or why it is not, with the verdict on every node. */
  async explain(id: string): Promise<TaskExplanation> {
    const { state, schedule, times } = this.#started();
    const { task } = await this.getTask(id);
    return explainTask(task, {
      state,
      repository: this.#repository,
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

  /** Events after a revision, from the log and then as they come. @throws CubeError `pruned`. */
  events(after: number, signal: AbortSignal): AsyncIterable<CubeEvent> {
    return this.#started().log.follow(after, signal);
  }

  /** The output of the current attempt, from its worker. */
  async *logs(id: string, options: LogOptions, signal: AbortSignal): AsyncGenerator<LogLine> {
    const { state } = this.#started();
    const { task } = await this.getTask(id);
    const { node: name, attempt } = task.status;
    const node = name === undefined ? undefined : state.findNode(name);
    if (node === undefined) {
      if (isFinal(task)) {
        throw new CubeError('not-found', `Task ${id} has ended without ever running: no output.`);
      }
      throw new CubeError('not-found', `Task ${id} has not run yet, so it has no output.`, {
        hint: `See "cube explain ${id}" for what it waits for.`,
      });
    }
    yield* this.#options.link.logs(node.address, { taskId: id, attempt }, { ...options, signal });
  }

  /** A worker presents itself. @throws CubeError `wrong-cluster` or `name-taken`. */
  async join(announcement: Announcement): Promise<JoinReply> {
    const { reign, nodes } = this.#started();
    const { protocol, cluster, facts } = announcement;
    if (protocol !== PROTOCOL_VERSION) {
      throw new CubeError(
        'invalid-input',
        `The worker speaks protocol ${protocol}, and this manager ${PROTOCOL_VERSION}.`,
        {
          issues: [{ field: 'protocol', got: String(protocol), want: String(PROTOCOL_VERSION) }],
          hint: 'Install the same release of Cube on both.',
        },
      );
    }
    await nodes.join(facts, cluster);
    return {
      cluster: reign.cluster,
      epoch: reign.epoch,
      heartbeatMs: this.#options.limits.heartbeatMs,
    };
  }

  status(): ManagerSnapshot {
    const { reign, state, committer, startedAt } = this.#started();
    this.#measureStore();
    const { scheduler, version } = this.#options;
    const problem = committer.problem?.message;
    return {
      ...reign,
      revision: state.revision,
      floor: state.floor,
      store: this.#repository.kind,
      storeBytes: this.#storeBytes,
      scheduler: scheduler.name,
      taskCounts: state.taskCounts,
      nodeCount: state.nodes().length,
      startedAt,
      version,
      healthy: problem === undefined,
      ...(problem === undefined ? {} : { problem }),
    };
  }

  /** Measuring the store takes a moment, so that a status shows the size of the one before. */
  #measureStore(): void {
    this.#repository
      .sizeBytes()
      .then((bytes) => {
        this.#storeBytes = bytes;
      })
      .catch((error: unknown) => {
        this.#options.logger.debug({ err: error }, 'The store could not be measured.');
      });
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
      if (applied.task !== undefined) parts.times.note(applied.task);
      else if (applied.event.taskId !== undefined) parts.times.forget(applied.event.taskId);
      parts.schedule.onPublished(applied);
      parts.nodes.onPublished(applied);
      if (applied.task !== undefined && isFinal(applied.task)) parts.retention.onFinished();
    }
    parts.log.publish(group.map(({ event }) => event));
  }
}

function prunedError(id: string): CubeError {
  return new CubeError('pruned', `Task ${id} has ended and was pruned.`, {
    hint: 'Submit it under a new id to run it again.',
  });
}

/** The manager at a glance. */
export interface ManagerSnapshot extends Reign {
  readonly revision: number;
  readonly floor: number;
  readonly store: string;
  readonly storeBytes: number;
  readonly scheduler: string;
  readonly taskCounts: Readonly<Record<TaskState, number>>;
  readonly nodeCount: number;
  readonly startedAt: string;
  readonly version: string;
  readonly healthy: boolean;
  readonly problem?: string;
}
