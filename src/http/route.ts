import type { IncomingMessage } from 'node:http';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import type { SessionOptions, SessionOutput } from '../link/session.ts';
import type { Access } from './authorize.ts';

/** What a handler is given: everything of the request that has been checked. */
interface RouteRequest<Params, Query> {
  readonly params: Params;
  readonly query: Query;
  /** Made here; a client cannot choose it. */
  readonly requestId: string;
  /** The request's span, for what is done on its behalf. Undefined while there are no traces. */
  readonly traceparent: string | undefined;
  readonly raw: IncomingMessage;
  /** The body read as JSON. @throws CubeError */
  readonly body: () => unknown;
  /** For a stream: a signal that is aborted when the client is gone or the server closes. */
  readonly openSignal: () => AbortSignal;
}

/** How a reply looks, for the API's description. */
export interface ReplyShape {
  readonly description: string;
  readonly schema: z.ZodType;
  /** Default `application/json`. */
  readonly mediaType?: string;
}

/** One path and method, with all that is known of it. */
interface Route<Params = never, Query = never> {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** With parameters as `:id`. */
  readonly path: string;
  readonly access: Access;
  /** A page to which a link on another site may lead, as it is the same for everyone. Default false. */
  readonly isPage?: boolean;
  /** Asked by what only wants to know whether it answers, such as a load balancer. Default false. */
  readonly answersHead?: boolean;
  readonly summary: string;
  readonly params: z.ZodType<Params>;
  readonly query: z.ZodType<Query>;
  /** Describes the body; a route with one reads it itself. */
  readonly body?: z.ZodType;
  /** Default 1 MiB. */
  readonly bodyBytesMax?: number;
  readonly replies: Readonly<Record<number, ReplyShape>>;
  /** The body of a reply with status 200, a `FullReply`, or undefined once it has replied. */
  readonly handle: (
    request: RouteRequest<Params, Query>,
    reply: FastifyReply,
  ) => Promise<object | undefined>;
  /**
   * What a WebSocket at this path leads to. Resolves once it is clear that the session may begin,
   * and throws as `handle` does.
   */
  readonly session?: (request: SessionRouteRequest<Params>) => Promise<OpenSession>;
}

interface SessionRouteRequest<Params> {
  readonly params: Params;
  readonly raw: IncomingMessage;
}

export type OpenSession = (options: SessionOptions) => AsyncIterable<SessionOutput>;

/** A route whose parameters nobody needs to know any more. */
export type AnyRoute = Route<unknown, unknown>;

export interface RouteDefinition<Params extends z.ZodRawShape, Query extends z.ZodRawShape>
  extends Omit<
    Route<z.output<z.ZodObject<Params>>, z.output<z.ZodObject<Query>>>,
    'params' | 'query'
  > {
  readonly params?: Params;
  readonly query?: Query;
}

/** Completes a route: parameters that it does not name are refused. */
export function defineRoute<
  const Params extends z.ZodRawShape = Record<never, never>,
  const Query extends z.ZodRawShape = Record<never, never>,
>(definition: RouteDefinition<Params, Query>): AnyRoute {
  const { params, query } = definition;
  const route = {
    ...definition,
    params: z.strictObject(params ?? {}),
    query: z.strictObject(query ?? {}),
  };
  // The handler is only ever called with what these very schemas have given.
  return route as unknown as AnyRoute;
}

/** Marks a handler's result as a whole reply rather than its body. */
export class FullReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;

  constructor(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}) {
    this.status = status;
    this.body = body;
    this.headers = headers;
  }
}
