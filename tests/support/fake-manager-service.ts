import { isDeepStrictEqual } from 'node:util';
import { CubeError } from '../../src/errors/cube-error.ts';
import type { CubeEvent } from '../../src/event/event.ts';
import type { EventFeed, FollowOptions } from '../../src/event/event-feed.ts';
import { isWanted } from '../../src/event/event-filter.ts';
import type { AttemptService } from '../../src/http/attempt-service.ts';
import type {
  Explanation,
  HistoryService,
  ManagerService,
  ManagerStatus,
  NodeView,
  RequestOrigin,
  Submission,
  Submitted,
  TaskPage,
  TaskQuery,
  TaskView,
} from '../../src/http/manager-service.ts';
import type { UpkeepService } from '../../src/http/upkeep-service.ts';
import type { Announcement, JoinReply, LogLine, LogOptions } from '../../src/link/protocol.ts';
import type { SessionInput, SessionOutput } from '../../src/link/session.ts';
import type { Task } from '../../src/task/task.ts';

export const CLUSTER = '3f0c8a54-9f0e-4f55-8a63-3a0f6a3b8a11';
export const TIME = '2030-01-01T00:00:00.000Z';

/** Waits until `signal` is aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** A command that gives its input back, and ends with 0 when there is no more. */
export async function* echo(input: AsyncIterable<SessionInput>): AsyncGenerator<SessionOutput> {
  for await (const item of input) {
    if (item.type === 'end') break;
    if (item.type === 'input') yield { type: 'stdout', data: item.data };
    else yield { type: 'stderr', data: Buffer.from(`${item.columns}x${item.rows}`) };
  }
  yield { type: 'exit', code: 0 };
}

/** A manager that keeps its tasks in a map and runs none: enough to stand behind the routes. */
export class FakeManagerService implements ManagerService {
  /** Nothing ever changes here: the past is as the present. */
  readonly history: HistoryService = {
    resolve: async (moment) => ('revision' in moment ? moment.revision : this.floor),
    listTasks: (_, query) => this.listTasks(query),
    getTask: (_, id) => this.getTask(id),
    listNodes: async () => ({ items: this.listNodes(), revision: this.status().revision }),
    difference: async () => ({ from: this.floor, to: this.floor, tasks: [], nodes: [] }),
  };
  /** There are no data: nothing to copy, to read or to remove. */
  readonly upkeep: ManagerService['upkeep'] = {
    backUp: async () => {
      throw new CubeError('unprocessable', 'There is no file to back up.');
    },
    verify: async () => ({ cluster: CLUSTER, epoch: 1, revision: 0, floor: 0, counts: {} }),
    prune: async (wish) => {
      this.prunings.push(wish);
      return { count: 0, bytes: 0, tasks: [] };
    },
  };
  openSession: AttemptService['openSession'] = (_, { input }) => echo(input);
  readonly attempts: AttemptService = {
    openSession: (id, session) => this.openSession(id, session),
    usage: async () => ({ items: [], silent: [] }),
  };
  readonly tasks = new Map<string, Task>();
  readonly log: CubeEvent[] = [];
  readonly origins: RequestOrigin[] = [];
  readonly queries: TaskQuery[] = [];
  readonly prunings: Parameters<UpkeepService['prune']>[0][] = [];
  readonly logOptions: LogOptions[] = [];
  readonly announcements: Announcement[] = [];
  lines: readonly LogLine[] = [];
  /** Thrown by the next calls, where set. */
  failure: Error | undefined;
  floor = 0;
  healthy = true;
  /** Streams that are open. */
  streamCount = 0;
  #nextId = 1;
  #wake: (() => void)[] = [];

  async submit(submission: Submission, origin: RequestOrigin): Promise<Submitted> {
    if (this.failure !== undefined) throw this.failure;
    this.origins.push(origin);
    const id =
      submission.id ?? `00000000-0000-4000-8000-${String(this.#nextId++).padStart(12, '0')}`;
    const known = this.tasks.get(id);
    if (known !== undefined) {
      if (isDeepStrictEqual(known.spec, submission.spec)) return { task: known, created: false };
      throw new CubeError('conflict', `Task ${id} exists with another spec.`);
    }
    const event = this.append({ type: 'task-submitted', taskId: id, spec: submission.spec });
    const task: Task = {
      id,
      spec: submission.spec,
      status: { state: 'pending', desired: 'running', attempt: 0, restartCount: 0 },
      createdAt: TIME,
      createdRevision: event.revision,
      revision: event.revision,
    };
    this.tasks.set(id, task);
    return { task, created: true };
  }

  append(part: Pick<CubeEvent, 'type'> & Partial<CubeEvent>): CubeEvent {
    const revision = this.floor + this.log.length + 1;
    const event: CubeEvent = {
      revision,
      id: `10000000-0000-4000-8000-${String(revision).padStart(12, '0')}`,
      time: TIME,
      cause: 'request',
      correlationId: 'test',
      actor: 'user',
      ...part,
    };
    this.log.push(event);
    for (const wake of this.#wake.splice(0)) wake();
    return event;
  }

  async stopTask(id: string, origin: RequestOrigin): Promise<TaskView> {
    this.origins.push(origin);
    const { task } = await this.getTask(id);
    const status = { ...task.status, desired: 'stopped' as const };
    const stopped = { ...task, status };
    this.tasks.set(id, stopped);
    return { task: stopped };
  }

  async restartTask(id: string, origin: RequestOrigin): Promise<TaskView> {
    this.origins.push(origin);
    return this.getTask(id);
  }

  plan(submissions: readonly Submission[]): ReturnType<ManagerService['plan']> {
    const placement = { scheduler: 'epvm', nodeCount: 0, feasibleCount: 0, best: [], rejected: [] };
    return submissions.map(() => ({ placement, verdicts: [], advice: ['Add a node.'] }));
  }

  drainNode = (name: string): Promise<NodeView> => this.#node(name);
  resumeNode = (name: string): Promise<NodeView> => this.#node(name);
  labelNode = (name: string): Promise<NodeView> => this.#node(name);

  async #node(name: string): Promise<NodeView> {
    throw new CubeError('not-found', `There is no node ${name}.`);
  }

  async getTask(id: string): Promise<TaskView> {
    if (this.failure !== undefined) throw this.failure;
    const task = this.tasks.get(id);
    if (task === undefined) throw new CubeError('not-found', `There is no task ${id}.`);
    return { task };
  }

  async listTasks(query: TaskQuery): Promise<TaskPage> {
    if (this.failure !== undefined) throw this.failure;
    this.queries.push(query);
    const items = [...this.tasks.values()].slice(0, query.limit).map((task) => ({ task }));
    return { items, revision: this.status().revision };
  }

  listNodes(): readonly NodeView[] {
    return [];
  }

  async explain(id: string): Promise<Explanation> {
    await this.getTask(id);
    return { taskId: id, advice: ['Add a node.'] };
  }

  async taskEvents(id: string): Promise<readonly CubeEvent[]> {
    await this.getTask(id);
    return this.log.filter((event) => event.taskId === id);
  }

  follow(options: FollowOptions): EventFeed {
    const feed = {
      position: options.after,
      [Symbol.asyncIterator]: () => this.#batches(feed, options),
    };
    return feed;
  }

  async *#batches(
    feed: { position: number },
    { until = Number.POSITIVE_INFINITY, filter = {}, signal }: FollowOptions,
  ): AsyncGenerator<readonly CubeEvent[]> {
    this.streamCount += 1;
    try {
      while (!signal.aborted && feed.position < until) {
        const event = this.log[feed.position - this.floor];
        if (event === undefined) await this.#news(signal);
        else if (isWanted(event, filter)) yield [event];
        if (event !== undefined) feed.position = event.revision;
      }
    } finally {
      this.streamCount -= 1;
    }
  }

  async #news(signal: AbortSignal): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    await Promise.race([aborted(signal), new Promise<void>((resolve) => this.#wake.push(resolve))]);
  }

  /** Makes open streams notice `failure`. */
  wake(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }

  async *logs(id: string, options: LogOptions, signal: AbortSignal): AsyncIterable<LogLine> {
    await this.getTask(id);
    this.logOptions.push(options);
    yield* this.lines;
    if (options.follow) await aborted(signal);
  }

  async join(announcement: Announcement): Promise<JoinReply> {
    this.announcements.push(announcement);
    return { cluster: CLUSTER, epoch: 1, heartbeatMs: 1000 };
  }

  queueLengths(): ReturnType<ManagerService['queueLengths']> {
    return { commit: 0, schedule: this.tasks.size, report: 0 };
  }

  status(): ManagerStatus {
    return {
      cluster: CLUSTER,
      epoch: 1,
      revision: this.floor + this.log.length,
      floor: this.floor,
      store: 'memory',
      storeBytes: 0,
      scheduler: 'epvm',
      taskCounts: { pending: this.tasks.size, scheduled: 0, running: 0, completed: 0, failed: 0 },
      nodeCount: 0,
      startedAt: TIME,
      version: '0.0.0',
      healthy: this.healthy,
    };
  }
}
