import type { Registry } from 'prom-client';
import { z } from 'zod';
import { type AnyRoute, defineRoute, FullReply } from './route.ts';

/** What /healthz tells: no more than anyone may know. */
export interface Health {
  readonly healthy: boolean;
}

const healthSchema = z.object({ healthy: z.boolean() }).meta({ id: 'Health' });

/** Paths that both servers have. */
export function commonRoutes(registry: Registry, health: () => Health): readonly AnyRoute[] {
  return [
    defineRoute({
      method: 'GET',
      path: '/healthz',
      access: 'open',
      answersHead: true,
      summary: 'Whether this server works; needs no token.',
      replies: {
        200: { description: 'It does.', schema: healthSchema },
        503: { description: 'It does not.', schema: healthSchema },
      },
      handle: async () => {
        const { healthy } = health();
        return new FullReply(healthy ? 200 : 503, { healthy });
      },
    }),
    defineRoute({
      method: 'GET',
      path: '/metrics',
      access: 'token',
      answersHead: true,
      summary: 'Metrics for Prometheus.',
      replies: { 200: { description: 'Metrics.', mediaType: 'text/plain', schema: z.string() } },
      handle: async () =>
        new FullReply(200, await registry.metrics(), { 'content-type': registry.contentType }),
    }),
  ];
}
