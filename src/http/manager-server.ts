import { parseInput } from '../errors/input-issues.ts';
import { announcementSchema, joinReplySchema } from '../link/protocol.ts';
import { differenceSchema, managerStatusSchema, nodeListSchema } from '../link/replies.ts';
import { commonRoutes } from './common-routes.ts';
import { eventRoute } from './event-routes.ts';
import { addManagerMetrics } from './manager-metrics.ts';
import type { ManagerService } from './manager-service.ts';
import { moment } from './query.ts';
import { type AnyRoute, defineRoute } from './route.ts';
import { createHttpServer } from './server.ts';
import { type HttpServer, type HttpServerOptions, metricsFor } from './server-options.ts';
import { toDifferenceReply, toNodeReply } from './task-replies.ts';
import { taskRoutes } from './task-routes.ts';

export interface ManagerServerOptions extends HttpServerOptions {
  readonly service: ManagerService;
  /** Other ports on which this Cube listens; tasks are refused them, as they are the server's own. */
  readonly ownPorts?: readonly number[] | undefined;
}

/** The manager's HTTP interface. Listens only when told to. */
export async function createManagerServer(options: ManagerServerOptions): Promise<HttpServer> {
  const { service, clock } = options;
  const metrics = metricsFor(options);
  addManagerMetrics(metrics.registry, service);
  const ports: number[] = [...(options.ownPorts ?? [])];
  const policy = {
    allowRemoteProcess: options.doors?.allowRemoteProcess ?? false,
    ownPorts: () => ports,
  };
  const server = await createHttpServer(options, {
    role: 'manager',
    info: { title: 'Cube manager', description: 'Tasks, nodes and events of a cluster.' },
    metrics,
    routes: [
      ...taskRoutes(service, { policy, clock }),
      ...nodeRoutes(service),
      eventRoute(service, clock),
      ...commonRoutes(metrics.registry, () => ({ healthy: service.status().healthy })),
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

function nodeRoutes(service: ManagerService): readonly AnyRoute[] {
  return [
    defineRoute({
      method: 'GET',
      path: '/nodes',
      access: 'token',
      summary: 'Every node, with what is promised and measured there.',
      query: {
        at: moment
          .optional()
          .describe('As they were then: a revision, or a time such as 2030-01-31T03:00:00Z.'),
      },
      replies: { 200: { description: 'The nodes.', schema: nodeListSchema } },
      handle: async ({ query: { at } }) => {
        if (at === undefined) return { items: service.listNodes().map(toNodeReply) };
        const { items, revision } = await service.history.listNodes(at);
        return { items: items.map(toNodeReply), revision };
      },
    }),
    defineRoute({
      method: 'GET',
      path: '/diff',
      access: 'token',
      summary: 'What is different at one moment from what was at another.',
      query: {
        from: moment.describe('A revision or a time.'),
        to: moment.optional().describe('A revision or a time. Default: now.'),
      },
      replies: { 200: { description: 'What differs.', schema: differenceSchema } },
      handle: async ({ query: { from, to } }) => {
        const { revision } = service.status();
        return toDifferenceReply(await service.history.difference(from, to ?? { revision }));
      },
    }),
    defineRoute({
      method: 'POST',
      path: '/nodes',
      access: 'token',
      summary: 'A worker presents itself; repeatable.',
      body: announcementSchema,
      replies: { 200: { description: 'It is taken.', schema: joinReplySchema } },
      handle: async ({ body }) =>
        service.join(parseInput(announcementSchema, body(), 'The announcement')),
    }),
    defineRoute({
      method: 'GET',
      path: '/status',
      access: 'token',
      summary: 'The manager itself.',
      replies: { 200: { description: 'Its status.', schema: managerStatusSchema } },
      handle: async () => service.status(),
    }),
  ];
}
