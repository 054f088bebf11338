import { z } from 'zod';
import { parseInput } from '../errors/input-issues.ts';
import { type Clock, systemClock } from '../lib/clock.ts';
import {
  assignmentsSchema,
  attemptUsageListSchema,
  streamItemSchema,
  workerListSchema,
} from '../link/protocol.ts';
import { nodeStatsSchema } from '../node/node.ts';
import { taskIdSchema } from '../task/name.ts';
import { taskSchema } from '../task/task.ts';
import { commonRoutes } from './common-routes.ts';
import {
  chooseMediaType,
  encodeLine,
  logFormat,
  logParameters,
  logReply,
  toLogOptions,
} from './log-stream.ts';
import { wholeNumber } from './query.ts';
import { type AnyRoute, defineRoute, FullReply } from './route.ts';
import { createHttpServer } from './server.ts';
import type { HttpServer, HttpServerOptions } from './server-options.ts';
import { sessionRoute } from './session-route.ts';
import { sendStream } from './stream.ts';
import { readTask, type SubmissionPolicy, submissionSchema } from './submit.ts';
import { toTaskReply } from './task-replies.ts';
import { addWorkerGauges, createWorkerMetrics, type WorkerMetrics } from './worker-metrics.ts';
import type { WorkerService } from './worker-service.ts';

export interface WorkerServerOptions extends HttpServerOptions {
  readonly service: WorkerService;
  /** Other ports on which this Cube listens; tasks are refused them, as they are the server's own. */
  readonly ownPorts?: readonly number[] | undefined;
  /** Where what is measured comes together. Default: one of its own. */
  readonly metrics?: WorkerMetrics | undefined;
}

/** A manager's batch of orders may hold a thousand specs. */
const ASSIGNMENT_BYTES_MAX = 32 * 1024 ** 2;

const LOG_GRACE_MS = 250;
const REPORT_GRACE_MS = 20;

/** The worker's HTTP interface. Listens only when told to. */
export async function createWorkerServer(options: WorkerServerOptions): Promise<HttpServer> {
  const { service, clock = systemClock } = options;
  const metrics =
    options.metrics ?? createWorkerMetrics({ hasDefaults: options.hasProcessMetrics ?? true });
  addWorkerGauges(metrics.registry, service);
  const ports: number[] = [...(options.ownPorts ?? [])];
  const policy = {
    allowRemoteProcess: options.doors?.allowRemoteProcess ?? false,
    ownPorts: () => ports,
  };
  const server = await createHttpServer(options, {
    role: 'worker',
    info: { title: 'Cube worker', description: 'What runs on one machine.' },
    metrics,
    routes: [
      ...taskRoutes(service, policy),
      ...assignmentRoutes(service, clock),
      logRoute(service, clock),
      usageRoute(service),
      sessionRoute({
        path: '/attempts/:taskId/:attempt/exec',
        summary: 'A WebSocket to a command that is run in an attempt.',
        params: attemptParameters,
        session:
          async ({ params }) =>
          (session) =>
            service.openSession(params, session),
      }),
      ...commonRoutes(metrics.registry, () => ({ healthy: true })),
    ],
  });
  return {
    routes: server.routes,
    inject: server.inject,
    close: () => server.close(),
    listen: async (address) => {
      const listening = await server.listen(address);
      ports.push(listening.port);
      return listening;
    },
  };
}

function taskRoutes(service: WorkerService, policy: SubmissionPolicy): readonly AnyRoute[] {
  const params = { id: taskIdSchema };
  const taskReply = { description: 'The task.', schema: taskSchema };
  return [
    defineRoute({
      method: 'POST',
      path: '/tasks',
      access: 'token',
      summary: 'Run a task here, without a manager.',
      body: submissionSchema,
      replies: {
        200: { ...taskReply, description: 'The task was there already.' },
        201: { ...taskReply, description: 'The task, accepted and durable.' },
      },
      handle: async ({ body, raw }) => {
        const wish = readTask(body(), raw, policy);
        if (wish.kind === 'stop') return toTaskReply(await service.stopTask(wish.id));
        const { kind: _, ...submission } = wish;
        const { task, created } = await service.submit(submission);
        return new FullReply(created ? 201 : 200, toTaskReply(task), {
          location: `/tasks/${task.id}`,
        });
      },
    }),
    defineRoute({
      method: 'GET',
      path: '/tasks',
      access: 'token',
      summary: 'Every task on this worker.',
      replies: {
        200: { description: 'The tasks.', schema: z.object({ items: z.array(taskSchema) }) },
      },
      handle: async () => ({ items: service.listTasks().map((task) => toTaskReply(task)) }),
    }),
    defineRoute({
      method: 'GET',
      path: '/tasks/:id',
      access: 'token',
      summary: 'One task on this worker.',
      params,
      replies: { 200: taskReply },
      handle: async ({ params: { id } }) => toTaskReply(service.getTask(id)),
    }),
    defineRoute({
      method: 'DELETE',
      path: '/tasks/:id',
      access: 'token',
      summary: 'Stop a task that was given to this worker directly; repeatable.',
      params,
      replies: { 200: taskReply },
      handle: async ({ params: { id } }) => toTaskReply(await service.stopTask(id)),
    }),
    defineRoute({
      method: 'GET',
      path: '/stats',
      access: 'token',
      summary: 'Measured use of this machine.',
      replies: { 200: { description: 'The stats.', schema: nodeStatsSchema } },
      handle: async () => service.stats(),
    }),
  ];
}

function assignmentRoutes(service: WorkerService, clock: Clock): readonly AnyRoute[] {
  return [
    defineRoute({
      method: 'POST',
      path: '/assignments',
      access: 'token',
      summary: "A manager's orders; replies once they are durable here.",
      body: assignmentsSchema,
      bodyBytesMax: ASSIGNMENT_BYTES_MAX,
      replies: { 200: { description: 'They are taken.', schema: z.object({}) } },
      handle: async ({ body }) => {
        await service.assign(parseInput(assignmentsSchema, body(), 'The assignments'));
        return {};
      },
    }),
    defineRoute({
      method: 'GET',
      path: '/assignments',
      access: 'token',
      summary: 'All that this worker knows of the attempts placed here.',
      replies: { 200: { description: 'The list.', schema: workerListSchema } },
      handle: async () => service.list(),
    }),
    defineRoute({
      method: 'GET',
      path: '/reports',
      access: 'token',
      summary: 'Reports after a sequence as they come, with heartbeats in between.',
      query: { after: wholeNumber(0, Number.MAX_SAFE_INTEGER).default(0) },
      replies: {
        200: {
          description: 'One item a line.',
          mediaType: 'application/x-ndjson',
          schema: streamItemSchema,
        },
      },
      handle: async ({ query: { after }, raw, requestId, openSignal }, reply) => {
        const signal = openSignal();
        const mediaType = chooseMediaType(raw.headers.accept, ['application/x-ndjson']);
        return sendStream(reply, service.reports(after, signal), {
          mediaType,
          encode: encodeLine,
          graceMs: REPORT_GRACE_MS,
          clock,
          requestId,
          signal,
        });
      },
    }),
  ];
}

const attemptParameters = { taskId: taskIdSchema, attempt: wholeNumber(1, 1_000_000_000) };

function usageRoute(service: WorkerService): AnyRoute {
  return defineRoute({
    method: 'GET',
    path: '/usage',
    access: 'token',
    summary: 'Measured use of each attempt that runs here.',
    replies: { 200: { description: 'The attempts.', schema: attemptUsageListSchema } },
    handle: async () => ({ items: await service.usage() }),
  });
}

function logRoute(service: WorkerService, clock: Clock): AnyRoute {
  return defineRoute({
    method: 'GET',
    path: '/attempts/:taskId/:attempt/logs',
    access: 'token',
    summary: 'The output of one attempt, also after its end.',
    params: attemptParameters,
    query: logParameters,
    replies: { 200: logReply },
    handle: async ({ params, query, raw, requestId, openSignal }, reply) => {
      const signal = openSignal();
      const format = logFormat(raw.headers.accept);
      const lines = service.logs(params, toLogOptions(query), signal);
      const options = { ...format, graceMs: LOG_GRACE_MS, clock, requestId, signal };
      return sendStream(reply, lines, options);
    },
  });
}
