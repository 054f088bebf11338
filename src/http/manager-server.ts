import { commonRoutes } from './common-routes.ts';
import { type DashboardFiles, dashboardRoutes } from './dashboard-routes.ts';
import { eventRoute } from './event-routes.ts';
import { addManagerGauges, createManagerMetrics, type ManagerMetrics } from './manager-metrics.ts';
import type { ManagerService } from './manager-service.ts';
import { nodeRoutes } from './node-routes.ts';
import { createHttpServer } from './server.ts';
import type { HttpServer, HttpServerOptions } from './server-options.ts';
import { taskRoutes } from './task-routes.ts';
import { upkeepRoutes } from './upkeep-routes.ts';

export interface ManagerServerOptions extends HttpServerOptions {
  readonly service: ManagerService;
  /** Other ports on which this Cube listens; tasks are refused them, as they are the server's own. */
  readonly ownPorts?: readonly number[] | undefined;
  /** Where what is measured comes together. Default: one of its own. */
  readonly metrics?: ManagerMetrics | undefined;
  /** Served at `/`. Default: nothing is. */
  readonly dashboard?: DashboardFiles | undefined;
}

/** The manager's HTTP interface. Listens only when told to. */
export async function createManagerServer(options: ManagerServerOptions): Promise<HttpServer> {
  const { service, clock, dashboard } = options;
  const metrics =
    options.metrics ?? createManagerMetrics({ hasDefaults: options.hasProcessMetrics ?? true });
  addManagerGauges(metrics.registry, service);
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
      ...upkeepRoutes(service, { hasToken: options.doors?.token !== undefined, clock }),
      eventRoute(service, clock),
      ...(dashboard === undefined ? [] : dashboardRoutes(dashboard)),
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
