// The server of Cube with one route, which answers POST /tasks with the body that it was sent.
import { z } from 'zod';
import { createServerMetrics } from '../../src/http/metrics.ts';
import { defineRoute, FullReply } from '../../src/http/route.ts';
import { createHttpServer } from '../../src/http/server.ts';
import { noopLogger } from '../../src/lib/logger.ts';

const options = { logger: noopLogger, version: '0.0.0' };
const server = await createHttpServer(options, {
  role: 'manager',
  info: { title: 'echo', description: 'For the benchmarks.' },
  metrics: createServerMetrics({ hasDefaults: true }),
  routes: [
    defineRoute({
      method: 'POST',
      path: '/tasks',
      access: 'token',
      summary: 'Sends back what it was sent.',
      body: z.unknown(),
      replies: { 201: { description: 'The body.', schema: z.unknown() } },
      handle: async ({ body }) => new FullReply(201, body()),
    }),
  ],
});
const { port } = await server.listen({ host: '127.0.0.1', port: 0 });
console.log(JSON.stringify({ port }));
