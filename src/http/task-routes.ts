import { z } from 'zod';
import { CubeError } from '../errors/cube-error.ts';
import { parseInput } from '../errors/input-issues.ts';
import { eventSchema } from '../event/event.ts';
import { type Clock, systemClock } from '../lib/clock.ts';
import { explanationSchema, planSchema, taskPageSchema, usageSchema } from '../link/replies.ts';
import { taskIdSchema } from '../task/name.ts';
import { taskSchema } from '../task/task.ts';
import { taskStates } from '../task/task-state.ts';
import { logFormat, logParameters, logReply, toLogOptions } from './log-stream.ts';
import type { ManagerService } from './manager-service.ts';
import { labels, moment, severalOf, text, wholeNumber } from './query.ts';
import { type AnyRoute, defineRoute, FullReply } from './route.ts';
import { sessionRoute } from './session-route.ts';
import { sendStream } from './stream.ts';
import {
  mayCommand,
  readPlanned,
  readTask,
  type SubmissionPolicy,
  submissionSchema,
} from './submit.ts';
import { toEventReply, toPlannedReply, toTaskReply, toTaskViewReply } from './task-replies.ts';

const params = { id: taskIdSchema };

const taskReply = { description: 'The task.', schema: taskSchema };

const AT =
  'As it was then: a revision, or a time such as 2030-01-31T03:00:00Z. Give each page the revision of the first.';

/** How long a stream's head waits for a first line, so that an early failure is a proper error. */
const LOG_GRACE_MS = 250;

/** The paths under /tasks of a manager. */
export function taskRoutes(
  service: ManagerService,
  options: TaskRouteOptions,
): readonly AnyRoute[] {
  return [
    submitRoute(service, options),
    planRoute(service, options),
    listRoute(service),
    usageRoute(service),
    execRoute(service, options),
    ...oneTaskRoutes(service, options),
  ];
}

export interface TaskRouteOptions {
  readonly policy: SubmissionPolicy;
  readonly clock?: Clock | undefined;
}

function submitRoute(service: ManagerService, { policy }: TaskRouteOptions): AnyRoute {
  return defineRoute({
    method: 'POST',
    path: '/tasks',
    access: 'token',
    summary: 'Hand in a task; repeatable with an id of your own.',
    body: submissionSchema,
    replies: {
      200: { ...taskReply, description: 'The task was there already.' },
      201: { ...taskReply, description: 'The task, accepted and durable.' },
    },
    handle: async ({ body, raw, requestId, traceparent }) => {
      const wish = readTask(body(), raw, policy);
      if (wish.kind === 'stop')
        return toTaskViewReply(await service.stopTask(wish.id, { requestId }));
      const { kind: _, ...submission } = wish;
      const { task, created } = await service.submit(submission, {
        requestId,
        traceparent,
      });
      return new FullReply(created ? 201 : 200, toTaskReply(task), {
        location: `/tasks/${task.id}`,
      });
    },
  });
}

/** Tasks in one plan at most. */
const PLAN_MAX = 100;

const planRequestSchema = z
  .strictObject({ tasks: z.array(z.unknown()).min(1).max(PLAN_MAX) })
  .meta({ id: 'PlanRequest', description: 'Submissions, as for POST /tasks.' });

function planRoute(service: ManagerService, { policy }: TaskRouteOptions): AnyRoute {
  return defineRoute({
    method: 'POST',
    path: '/plan',
    access: 'token',
    summary: 'What would become of tasks if they were submitted together. Changes nothing.',
    body: planRequestSchema,
    replies: { 200: { description: 'One item for each, in their order.', schema: planSchema } },
    handle: async ({ body, raw }) => {
      const { tasks } = parseInput(planRequestSchema, body(), 'The plan');
      const submissions = tasks.map((task) => readPlanned(task, raw, policy));
      return { items: service.plan(submissions).map(toPlannedReply) };
    },
  });
}

function listRoute(service: ManagerService): AnyRoute {
  return defineRoute({
    method: 'GET',
    path: '/tasks',
    access: 'token',
    summary: 'Tasks in the order of their submission, page by page.',
    query: {
      state: severalOf(taskStates).optional(),
      name: text(63).optional(),
      node: text(63).optional(),
      label: labels.optional(),
      limit: wholeNumber(1, 1000).default(100),
      cursor: text(8192).optional(),
      at: moment.optional().describe(AT),
    },
    replies: { 200: { description: 'A page.', schema: taskPageSchema } },
    handle: async ({ query: { state, label, at, ...query } }) => {
      const filter = {
        ...withoutUndefined(query),
        limit: query.limit,
        ...(state === undefined ? {} : { states: state }),
        ...(label === undefined ? {} : { labels: label }),
      };
      const { history } = service;
      const page = await (at === undefined
        ? service.listTasks(filter)
        : history.listTasks(at, filter));
      return { ...page, items: page.items.map(toTaskViewReply) };
    },
  });
}

function usageRoute(service: ManagerService): AnyRoute {
  return defineRoute({
    method: 'GET',
    path: '/usage',
    access: 'token',
    summary: 'Measured use of each task that runs; every node is asked.',
    replies: { 200: { description: 'What the nodes tell.', schema: usageSchema } },
    handle: async () => service.attempts.usage(),
  });
}

function execRoute(service: ManagerService, { policy }: TaskRouteOptions): AnyRoute {
  return sessionRoute({
    path: '/tasks/:id/exec',
    summary: 'A WebSocket to a command that is run in a task.',
    params,
    session: async ({ params: { id }, raw }) => {
      const { task } = await service.getTask(id);
      if (!mayCommand(task.spec, raw, policy)) throw remoteCommand();
      return (session) => service.attempts.openSession(id, session);
    },
  });
}

function remoteCommand(): CubeError {
  return new CubeError(
    'not-allowed',
    'Commands beside a process are taken only from this machine: they run with its rights there.',
    { hint: 'Run it on the machine of the manager, or start Cube with --allow-remote-process.' },
  );
}

function withoutUndefined<Value extends object>(
  value: Value,
): { [Key in keyof Value]?: Exclude<Value[Key], undefined> } {
  const entries = Object.entries(value).filter(([, one]) => one !== undefined);
  return Object.fromEntries(entries) as { [Key in keyof Value]?: Exclude<Value[Key], undefined> };
}

function oneTaskRoutes(
  service: ManagerService,
  { clock = systemClock }: TaskRouteOptions,
): readonly AnyRoute[] {
  return [
    defineRoute({
      method: 'GET',
      path: '/tasks/:id',
      access: 'token',
      summary: 'One task.',
      params,
      query: { at: moment.optional().describe(AT) },
      replies: { 200: taskReply },
      handle: async ({ params: { id }, query: { at } }) =>
        toTaskViewReply(
          await (at === undefined ? service.getTask(id) : service.history.getTask(at, id)),
        ),
    }),
    defineRoute({
      method: 'DELETE',
      path: '/tasks/:id',
      access: 'token',
      summary: 'Ask that a task runs no more. Replies once that is durable; repeatable.',
      params,
      replies: { 200: taskReply },
      handle: async ({ params: { id }, requestId }) =>
        toTaskViewReply(await service.stopTask(id, { requestId })),
    }),
    defineRoute({
      method: 'POST',
      path: '/tasks/:id/restart',
      access: 'token',
      summary: 'Ask for the next attempt of a task. Replies once that is durable; repeatable.',
      params,
      replies: { 200: taskReply },
      handle: async ({ params: { id }, requestId }) =>
        toTaskViewReply(await service.restartTask(id, { requestId })),
    }),
    defineRoute({
      method: 'GET',
      path: '/tasks/:id/logs',
      access: 'token',
      summary: "The output of a task's current attempt.",
      params,
      query: logParameters,
      replies: { 200: logReply },
      handle: async ({ params: { id }, query, raw, requestId, openSignal }, reply) => {
        const signal = openSignal();
        const format = logFormat(raw.headers.accept);
        const lines = service.logs(id, toLogOptions(query), signal);
        const options = { ...format, graceMs: LOG_GRACE_MS, clock, requestId, signal };
        return sendStream(reply, lines, options);
      },
    }),
    defineRoute({
      method: 'GET',
      path: '/tasks/:id/events',
      access: 'token',
      summary: 'The events of a task that are still kept, oldest first.',
      params,
      replies: {
        200: { description: 'Events.', schema: z.object({ items: z.array(eventSchema) }) },
      },
      handle: async ({ params: { id } }) => ({
        items: (await service.taskEvents(id)).map(toEventReply),
      }),
    }),
    defineRoute({
      method: 'GET',
      path: '/tasks/:id/placement',
      access: 'token',
      summary: 'How a task was placed or why it is not, with the verdict on every node.',
      params,
      replies: { 200: { description: 'The explanation.', schema: explanationSchema } },
      handle: async ({ params: { id } }) => service.explain(id),
    }),
  ];
}
