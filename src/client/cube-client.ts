import { z } from 'zod';
import { eventSchema } from '../event/event.ts';
import { type LogLine, type LogOptions, logLineSchema } from '../link/protocol.ts';
import {
  type DifferenceReply,
  differenceSchema,
  type ExplanationReply,
  explanationSchema,
  type ManagerStatusReply,
  managerStatusSchema,
  type NodeReply,
  nodeListSchema,
  nodeReplySchema,
  type PlanReply,
  planSchema,
  type TaskPageReply,
  type TaskReply,
  taskPageSchema,
  type UsageReply,
  usageSchema,
} from '../link/replies.ts';
import {
  type PruneInput,
  type PruneReply,
  pruneReplySchema,
  type VerifiedReply,
  verifiedReplySchema,
} from '../link/upkeep-replies.ts';
import { taskSchema } from '../task/task.ts';
import type { TaskSpecInput } from '../task/task-spec.ts';
import type { TaskState } from '../task/task-state.ts';
import { type ClientOptions, createConnection } from './connection.ts';
import { type EventOptions, type EventReply, followEvents, type Moment } from './event-stream.ts';

export type { Moment } from './event-stream.ts';

import { openJsonLines } from './line-stream.ts';
import { LOG_IDLE_MS, logQuery } from './log-query.ts';
import { openStream, requestJson } from './request.ts';

export interface CubeClientOptions extends ClientOptions {
  /** The manager's address, such as `http://127.0.0.1:5555`. */
  readonly url: string;
}

export interface CallOptions {
  /** Gives up at once; the call then throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** A task to run. With an id of one's own the request may be repeated safely. */
export type SubmissionInput = TaskSpecInput & { readonly id?: string | undefined };

export interface SubmittedReply {
  readonly task: TaskReply;
  /** False when this very task was there already. */
  readonly created: boolean;
}

export interface TaskFilter {
  readonly states?: readonly TaskState[] | undefined;
  readonly name?: string | undefined;
  readonly node?: string | undefined;
  /** Each label must be there with this value. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
}

export interface PastOptions extends CallOptions {
  /** As it was then. Default: now. */
  readonly at?: Moment | undefined;
}

export interface TaskPageQuery extends TaskFilter {
  /** As it was then. Default: now. The next page wants the revision of the first. */
  readonly at?: Moment | undefined;
  /** 1 to 1,000. Default 100. */
  readonly limit?: number | undefined;
  readonly cursor?: string | undefined;
}

/**
 * A manager, from anywhere, browsers included. Every method throws a CubeError: `unreachable` when
 * nothing answers, `bad-reply` when what answers is not Cube, else with the code, the issues and
 * the hint that the manager gives.
 */
export interface CubeClient {
  readonly url: string;

  /** Hands in a task. Resolves when the manager has it on its disk, which is before it runs. */
  submit(submission: SubmissionInput, options?: CallOptions): Promise<SubmittedReply>;

  /** What would become of tasks if they were submitted together. Changes nothing. */
  plan(submissions: readonly SubmissionInput[], options?: CallOptions): Promise<PlanReply['items']>;

  /** @throws CubeError `not-found` or `pruned`. */
  get(id: string, options?: PastOptions): Promise<TaskReply>;

  /** Every task that the filter lets through, in the order of their submission, page by page. */
  list(filter?: TaskFilter, options?: PastOptions): AsyncIterable<TaskReply>;

  /** One page of that list, with the revision from which `events` continues it. */
  listPage(query?: TaskPageQuery, options?: CallOptions): Promise<TaskPageReply>;

  /** Asks that a task runs no more; resolves when the wish is durable. May be repeated. */
  stop(id: string, options?: CallOptions): Promise<TaskReply>;

  /**
   * Asks for the next attempt of a task; resolves when the wish is durable. May be repeated.
   *
   * @throws CubeError `conflict`, when it was stopped or has completed.
   */
  restart(id: string, options?: CallOptions): Promise<TaskReply>;

  nodes(options?: PastOptions): Promise<readonly NodeReply[]>;

  /** From now on the node takes no tasks, and those on it move elsewhere, one by one. */
  drain(node: string, options?: CallOptions): Promise<NodeReply>;

  /** The node takes tasks again. */
  resume(node: string, options?: CallOptions): Promise<NodeReply>;

  /** Sets labels of the node, over those of its worker; null takes one away. */
  label(
    node: string,
    labels: Readonly<Record<string, string | null>>,
    options?: CallOptions,
  ): Promise<NodeReply>;

  /** What is different at `to` (default: now) from what was at `from`. @throws CubeError `pruned`. */
  difference(from: Moment, to?: Moment, options?: CallOptions): Promise<DifferenceReply>;

  /** How a task was placed, or why it is not. */
  placement(id: string, options?: CallOptions): Promise<ExplanationReply>;

  /** The events of one task that are still kept, oldest first. */
  taskEvents(id: string, options?: CallOptions): Promise<readonly EventReply[]>;

  /** Measured use of what runs; every node is asked for it. */
  usage(options?: CallOptions): Promise<UsageReply>;

  /** The manager itself. */
  status(options?: CallOptions): Promise<ManagerStatusReply>;

  /** A verified copy of the manager's data, secrets included; it begins once it is complete. */
  backup(options?: CallOptions): AsyncIterable<Uint8Array>;

  /** Has the manager read all of its data. @throws CubeError `storage-damaged`. */
  verify(options?: CallOptions): Promise<VerifiedReply>;

  /** Removes finished tasks; without a filter, all of them. */
  prune(request: PruneInput, options?: CallOptions): Promise<PruneReply>;

  /** The output of the task's current attempt. With `follow`, until it has ended. */
  logs(id: string, options?: Partial<LogOptions> & CallOptions): AsyncIterable<LogLine>;

  /**
   * Events after a revision, for ever, without a gap or a repeat: a lost connection is opened
   * again. Ends only by an error, such as `pruned`, or by the signal.
   */
  events(options?: EventOptions): AsyncIterable<EventReply>;
}

const PAGE_SIZE = 500;

/** A backup that comes no further for so long has broken off, in milliseconds. */
const BACKUP_IDLE_MS = 60_000;

const eventListSchema = z.object({ items: z.array(eventSchema) });

/** @throws CubeError `configuration`, when `url` is not an address. */
export function createCubeClient(options: CubeClientOptions): CubeClient {
  const connection = createConnection('manager', options.url, options);
  const taskPath = (id: string): string => `/tasks/${encodeURIComponent(id)}`;

  const get = async <Schema extends z.ZodType>(
    path: string,
    schema: Schema,
    { signal, at }: PastOptions = {},
  ): Promise<z.output<Schema>> => {
    const query = at === undefined ? [] : ([['at', String(at)]] as const);
    return (await requestJson(connection, { path, query, signal }, schema)).value;
  };

  const listPage: CubeClient['listPage'] = async (query = {}, { signal } = {}) => {
    const request = { path: '/tasks', query: toListQuery(query), signal };
    return (await requestJson(connection, request, taskPageSchema)).value;
  };

  const post = async <Schema extends z.ZodType>(
    request: { readonly path: string; readonly body?: unknown },
    schema: Schema,
    { signal }: CallOptions = {},
  ): Promise<z.output<Schema>> =>
    (await requestJson(connection, { ...request, method: 'POST', signal }, schema)).value;

  const nodePath = (node: string, what: string): string =>
    `/nodes/${encodeURIComponent(node)}/${what}`;

  return {
    url: connection.baseUrl,
    listPage,

    async submit(submission, { signal } = {}) {
      const request = { method: 'POST', path: '/tasks', body: submission, signal } as const;
      const { status, value } = await requestJson(connection, request, taskSchema);
      return { task: value, created: status === 201 };
    },

    plan: async (tasks, call) =>
      (await post({ path: '/plan', body: { tasks } }, planSchema, call)).items,

    get: (id, call) => get(taskPath(id), taskSchema, call),

    async *list(filter = {}, { at: moment, ...call } = {}) {
      let cursor: string | undefined;
      let at = moment;
      do {
        const page = await listPage({ ...filter, limit: PAGE_SIZE, cursor, at }, call);
        yield* page.items;
        cursor = page.cursor;
        if (moment !== undefined) at = page.revision;
      } while (cursor !== undefined);
    },

    async stop(id, { signal } = {}) {
      const request = { method: 'DELETE', path: taskPath(id), signal } as const;
      return (await requestJson(connection, request, taskSchema)).value;
    },

    restart: (id, call) => post({ path: `${taskPath(id)}/restart` }, taskSchema, call),

    drain: (node, call) => post({ path: nodePath(node, 'drain') }, nodeReplySchema, call),

    resume: (node, call) => post({ path: nodePath(node, 'resume') }, nodeReplySchema, call),

    label: (node, labels, call) =>
      post({ path: nodePath(node, 'labels'), body: { labels } }, nodeReplySchema, call),

    nodes: async (call) => (await get('/nodes', nodeListSchema, call)).items,

    async difference(from, to, { signal } = {}) {
      const query: [string, string][] = [['from', String(from)]];
      if (to !== undefined) query.push(['to', String(to)]);
      const request = { path: '/diff', query, signal };
      return (await requestJson(connection, request, differenceSchema)).value;
    },

    placement: (id, call) => get(`${taskPath(id)}/placement`, explanationSchema, call),

    taskEvents: async (id, call) =>
      (await get(`${taskPath(id)}/events`, eventListSchema, call)).items,

    usage: (call) => get('/usage', usageSchema, call),

    status: (call) => get('/status', managerStatusSchema, call),

    backup: ({ signal } = {}) =>
      openStream(
        connection,
        { path: '/backup', accept: 'application/vnd.sqlite3', signal },
        { idleMs: BACKUP_IDLE_MS },
      ),

    verify: (call) => post({ path: '/verify' }, verifiedReplySchema, call),

    prune: (body, call) => post({ path: '/prune', body }, pruneReplySchema, call),

    logs(id, { signal, follow = false, ...rest } = {}) {
      const query = logQuery({ follow, ...rest });
      const request = { path: `${taskPath(id)}/logs`, query, signal, idleMs: LOG_IDLE_MS };
      return openJsonLines(connection, request, logLineSchema);
    },

    events: (events = {}) => followEvents(connection, events),
  };
}

function toListQuery(query: TaskPageQuery): readonly (readonly [string, string])[] {
  const pairs: [string, string][] = [];
  for (const state of query.states ?? []) pairs.push(['state', state]);
  if (query.name !== undefined) pairs.push(['name', query.name]);
  if (query.node !== undefined) pairs.push(['node', query.node]);
  for (const [key, value] of Object.entries(query.labels ?? {})) {
    pairs.push(['label', `${key}=${value}`]);
  }
  if (query.limit !== undefined) pairs.push(['limit', String(query.limit)]);
  if (query.cursor !== undefined) pairs.push(['cursor', query.cursor]);
  if (query.at !== undefined) pairs.push(['at', String(query.at)]);
  return pairs;
}
