import type { IncomingMessage } from 'node:http';
import type { z } from 'zod';
import { invalidInput } from '../errors/input-issues.ts';
import { sessionRequestSchema } from '../link/session.ts';
import { type AnyRoute, defineRoute, type OpenSession } from './route.ts';

interface SessionRouteDefinition<Params extends z.ZodRawShape> {
  readonly path: string;
  readonly summary: string;
  readonly params: Params;
  readonly session: (request: {
    readonly params: z.output<z.ZodObject<Params>>;
    readonly raw: IncomingMessage;
  }) => Promise<OpenSession>;
}

/** A path at which a WebSocket leads to a command; anything else is told so. */
export function sessionRoute<const Params extends z.ZodRawShape>({
  path,
  summary,
  params,
  session,
}: SessionRouteDefinition<Params>): AnyRoute {
  return defineRoute({
    method: 'GET',
    path,
    access: 'token',
    summary,
    params,
    replies: {
      101: {
        description: 'Messages of a session follow, of which this is the first.',
        schema: sessionRequestSchema,
      },
    },
    handle: async ({ raw }) => {
      const got = raw.headers.upgrade === undefined ? 'no such header' : 'something else';
      throw invalidInput('The request', [{ field: 'Upgrade', got, want: 'websocket' }]);
    },
    session,
  });
}
