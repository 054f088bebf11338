import {
  type Announcement,
  type Assignments,
  type AttemptKey,
  type AttemptUsage,
  attemptUsageListSchema,
  type JoinReply,
  joinReplySchema,
  type LogLine,
  type LogOptions,
  logLineSchema,
  type StreamItem,
  streamItemSchema,
  type WorkerList,
  workerListSchema,
} from '../link/protocol.ts';
import type { SessionOptions, SessionOutput } from '../link/session.ts';
import { type ClientOptions, createConnection } from './connection.ts';
import { openJsonLines } from './line-stream.ts';
import { LOG_IDLE_MS, logQuery } from './log-query.ts';
import { openSession } from './open-session.ts';
import { requestJson, requestText } from './request.ts';

/**
 * How a manager speaks to its workers, each named by its address (`http://host:port`). Every
 * method throws a CubeError: `unreachable` when nothing answers, `bad-reply` when the answer is
 * not one of Cube's, else with the code that the worker gives; and the signal's reason when it is
 * aborted.
 */
export interface WorkerClient {
  /** Hands over orders; resolves when they are durable there. */
  assign(address: string, assignments: Assignments, signal: AbortSignal): Promise<void>;

  /** All that the worker knows of the attempts placed there. */
  list(address: string, signal: AbortSignal): Promise<WorkerList>;

  /**
   * Reports after the sequence `after`, and heartbeats, for as long as the connection holds. Ends
   * when the worker ends it.
   */
  reports(address: string, after: number, signal: AbortSignal): AsyncIterable<StreamItem>;

  /** Measured use of each attempt that runs there. */
  usage(address: string, signal: AbortSignal): Promise<readonly AttemptUsage[]>;

  /** A command in one attempt; see `openSession`. */
  openSession(
    address: string,
    key: AttemptKey,
    options: SessionOptions,
  ): AsyncIterable<SessionOutput>;

  /** The output of one attempt. */
  logs(
    address: string,
    key: AttemptKey,
    options: LogOptions & { readonly signal: AbortSignal },
  ): AsyncIterable<LogLine>;
}

/** What a worker needs to present itself to its manager. */
export interface ManagerLinkClient {
  /** Presents a worker to the manager at `managerUrl`. */
  announce(managerUrl: string, announcement: Announcement, signal: AbortSignal): Promise<JoinReply>;
}

/** A client for any number of workers; it keeps nothing between calls. */
export function createWorkerClient(options: ClientOptions = {}): WorkerClient {
  const at = (address: string) => createConnection('worker', address, options);
  return {
    async assign(address, assignments, signal) {
      // One request may carry orders of many traces; the first of them stands for it.
      const { traceparent } = assignments.run.find((order) => order.traceparent) ?? {};
      const request = {
        method: 'POST',
        path: '/assignments',
        body: assignments,
        signal,
        traceparent,
      } as const;
      await requestText(at(address), request);
    },

    async list(address, signal) {
      const request = { path: '/assignments', signal };
      return (await requestJson(at(address), request, workerListSchema)).value;
    },

    async usage(address, signal) {
      const request = { path: '/usage', signal };
      return (await requestJson(at(address), request, attemptUsageListSchema)).value.items;
    },

    openSession: (address, { taskId, attempt }, session) =>
      openSession(at(address), `/attempts/${encodeURIComponent(taskId)}/${attempt}/exec`, session),

    reports(address, after, signal) {
      const query = [['after', String(after)]] as const;
      return openJsonLines(at(address), { path: '/reports', query, signal }, streamItemSchema);
    },

    logs(address, key, { signal, ...logOptions }) {
      const path = `/attempts/${encodeURIComponent(key.taskId)}/${key.attempt}/logs`;
      const request = { path, query: logQuery(logOptions), signal, idleMs: LOG_IDLE_MS };
      return openJsonLines(at(address), request, logLineSchema);
    },
  };
}

export function createManagerLinkClient(options: ClientOptions = {}): ManagerLinkClient {
  return {
    async announce(managerUrl, announcement, signal) {
      const connection = createConnection('manager', managerUrl, options);
      const request = { method: 'POST', path: '/nodes', body: announcement, signal } as const;
      return (await requestJson(connection, request, joinReplySchema)).value;
    },
  };
}
