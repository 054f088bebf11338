import type { CubeEvent } from '../event/event.ts';
import type { EventFeed, FollowOptions } from '../event/event-feed.ts';
import type { Announcement, JoinReply, LogLine, LogOptions } from '../link/protocol.ts';
import type { Node, NodeStats, Resources } from '../node/node.ts';
import type { Placement, Verdict } from '../task/placement.ts';
import type { Submission, Submitted } from '../task/submission.ts';
import type { Task } from '../task/task.ts';
import type { TaskState } from '../task/task-state.ts';
import type { AttemptService } from './attempt-service.ts';
import type { UpkeepService } from './upkeep-service.ts';

export type { Submission, Submitted } from '../task/submission.ts';

/**
 * What the manager's HTTP routes need of a manager; `Manager` fits it. Tasks and events come with
 * their secrets: the routes hide them.
 */
export interface ManagerService {
  /**
   * Accepts a task. Resolves when it is durable. The same id with the same spec is the same task.
   *
   * @throws CubeError `conflict`, naming the first field that differs.
   */
  submit(submission: Submission, origin: RequestOrigin): Promise<Submitted>;

  /** What would become of these tasks if they were submitted now. Changes nothing. */
  plan(submissions: readonly Submission[]): readonly PlannedTask[];

  /** Asks that a task does not run any more; resolves when the wish is durable. Repeatable. */
  stopTask(id: string, origin: RequestOrigin): Promise<TaskView>;

  /**
   * Asks for the next attempt of a task; resolves when the wish is durable.
   *
   * @throws CubeError `conflict`, when it was stopped or has completed.
   */
  restartTask(id: string, origin: RequestOrigin): Promise<TaskView>;

  /** @throws CubeError `not-found`, or `pruned` where the log still knows of it. */
  getTask(id: string): Promise<TaskView>;

  listTasks(query: TaskQuery): Promise<TaskPage>;

  listNodes(): readonly NodeView[];

  /** From now on a node takes no tasks, and those on it move. @throws CubeError `not-found`. */
  drainNode(name: string, origin: RequestOrigin): Promise<NodeView>;

  /** A node that was drained takes tasks again. @throws CubeError `not-found`. */
  resumeNode(name: string, origin: RequestOrigin): Promise<NodeView>;

  /** Sets labels of a node; null takes one away. @throws CubeError `not-found`, `invalid-input`. */
  labelNode(
    name: string,
    changes: Readonly<Record<string, string | null>>,
    origin: RequestOrigin,
  ): Promise<NodeView>;

  /** What was, at any moment that the log still reaches. */
  readonly history: HistoryService;

  /** What is asked of the workers. */
  readonly attempts: AttemptService;

  /** Backups and the like. */
  readonly upkeep: UpkeepService;

  /** How a task was placed, or why it is not, with the verdict on every node. */
  explain(id: string): Promise<Explanation>;

  /** The events of one task that are still kept, oldest first. */
  taskEvents(id: string): Promise<readonly CubeEvent[]>;

  /**
   * The events that the filter lets through, first from the log, then as they become durable: no
   * gap, no repeat. Ends when the signal is aborted or the manager stops. Reading it throws
   * CubeError `pruned`, when events after `after` are gone already.
   */
  follow(options: FollowOptions): EventFeed;

  /** The output of the current attempt, from its worker. */
  logs(id: string, options: LogOptions, signal: AbortSignal): AsyncIterable<LogLine>;

  /** A worker presents itself. */
  join(announcement: Announcement): Promise<JoinReply>;

  status(): ManagerStatus;

  /** What waits for its turn, by what it waits for. */
  queueLengths(): Readonly<Record<QueueName, number>>;
}

export const queueNames = ['commit', 'schedule', 'report'] as const;

type QueueName = (typeof queueNames)[number];

/** What would become of a submission. */
export interface PlannedTask {
  readonly placement: Placement;
  readonly verdicts: readonly Verdict[];
  readonly advice: readonly string[];
  readonly existing?: { readonly task: Task; readonly differsIn?: string };
}

/** A moment of the log: just after a revision, or at a wall time in milliseconds. */
type Moment = { readonly revision: number } | { readonly timeMs: number };

/**
 * The past. Every method throws CubeError `pruned`, when the log no longer reaches back so far, and
 * `not-found` for a revision that is not there yet.
 */
export interface HistoryService {
  /** The newest revision at a moment. */
  resolve(moment: Moment): Promise<number>;

  /** The revision of the page is that of the moment. */
  listTasks(moment: Moment, query: TaskQuery): Promise<TaskPage>;

  /** @throws CubeError `not-found`, when it was not there then. */
  getTask(moment: Moment, id: string): Promise<TaskView>;

  listNodes(
    moment: Moment,
  ): Promise<{ readonly items: readonly NodeView[]; readonly revision: number }>;

  /** What is different at `to` from what was at `from`. */
  difference(from: Moment, to: Moment): Promise<Difference>;
}

/** What differs between two revisions; a side is absent where the thing was not there. */
export interface Difference {
  readonly from: number;
  readonly to: number;
  readonly tasks: readonly { readonly from?: Task; readonly to?: Task }[];
  readonly nodes: readonly { readonly from?: Node; readonly to?: Node }[];
}

/** Where a request came from, for the record of causes. */
export interface RequestOrigin {
  readonly requestId: string;
  /** The span of the request, for traces. */
  readonly traceparent?: string | undefined;
}

export interface TaskView {
  readonly task: Task;
  /** Set while the node of a placed task is silent: nothing is known of the task since then. */
  readonly observedAt?: string;
}

export interface TaskQuery {
  readonly states?: readonly TaskState[];
  readonly name?: string;
  readonly node?: string;
  /** Every label must be there with this value. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly limit: number;
  /** The opaque place where an earlier page of the same query ended. */
  readonly cursor?: string;
}

export interface TaskPage {
  readonly items: readonly TaskView[];
  /** Where the next page begins; absent on the last one. */
  readonly cursor?: string;
  /** A stream of events from here continues this list. */
  readonly revision: number;
}

export interface NodeView {
  readonly node: Node;
  readonly committed: Resources;
  readonly taskCount: number;
  /** The latest heartbeat's stats; absent before the first. */
  readonly stats?: NodeStats;
  /** It was lost three times or more within ten minutes. Default false. */
  readonly flapping?: boolean;
  /** How far its clock is ahead of the manager's, in milliseconds; absent below ten seconds. */
  readonly clockSkewMs?: number;
}

export interface Explanation {
  readonly taskId: string;
  /** The recorded decision that placed the current attempt, or the latest refusal. */
  readonly decided?: {
    readonly revision: number;
    readonly time: string;
    readonly placement: Placement;
    /** Every node's verdict at that moment; absent when the log does not reach back so far. */
    readonly verdicts?: readonly Verdict[];
  };
  /** For a waiting task: what the policy says now. */
  readonly now?: { readonly placement: Placement; readonly verdicts: readonly Verdict[] };
  /** What would let a waiting task run, as sentences. */
  readonly advice: readonly string[];
}

export interface ManagerStatus {
  readonly cluster: string;
  readonly epoch: number;
  readonly revision: number;
  /** The oldest events that are kept begin after this revision. */
  readonly floor: number;
  readonly store: string;
  readonly storeBytes: number;
  readonly scheduler: string;
  readonly taskCounts: Readonly<Record<TaskState, number>>;
  readonly nodeCount: number;
  readonly startedAt: string;
  readonly version: string;
  /** False when commits fail, with the reason. */
  readonly healthy: boolean;
  readonly problem?: string;
}
