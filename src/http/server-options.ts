import type { FastifyInstance } from 'fastify';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import type { Random } from '../lib/random.ts';
import type { Tracer } from '../lib/tracer.ts';
import type { ServerMetrics } from './metrics.ts';
import type { ApiInfo } from './openapi.ts';
import type { AnyRoute } from './route.ts';

interface DoorOptions {
  /**
   * Asked for as a bearer token on every path but those that tell nothing: /healthz, and the files
   * of the dashboard. Default: none, for loopback only.
   */
  readonly token?: string | undefined;
  /** Host names, with or without a port, by which clients may call, beside our addresses. */
  readonly names?: readonly string[] | undefined;
  /** Takes tasks of the process runtime from other machines too. Default false. */
  readonly allowRemoteProcess?: boolean | undefined;
}

export interface ServerLimits {
  /** Connections in all. Default 2,000, but no more than a quarter of the files it may have open. */
  readonly connectionCountMax: number;
  /** Connections from one address. Default 200. */
  readonly connectionsPerAddressMax: number;
  /** A request must have come whole after so long, in milliseconds. Default 30,000. */
  readonly requestMs: number;
  /** Its headers after so long, in milliseconds. Default 10,000. */
  readonly headersMs: number;
  /** A client that takes nothing of its reply for so long is cut off, in milliseconds. Default 30,000. */
  readonly stallMs: number;
}

/** The limits where nothing else is asked for. */
export const defaultLimits: ServerLimits = {
  connectionCountMax: 2000,
  connectionsPerAddressMax: 200,
  requestMs: 30_000,
  headersMs: 10_000,
  stallMs: 30_000,
};

/** What both servers take. */
export interface HttpServerOptions {
  readonly logger: Logger;
  readonly version: string;
  readonly doors?: DoorOptions | undefined;
  readonly limits?: Partial<ServerLimits> | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
  /** Tells of the process itself at /metrics too. Default true. */
  readonly hasProcessMetrics?: boolean | undefined;
  /** Makes each request a span. Default: no traces. */
  readonly tracer?: Tracer | undefined;
}

export interface HttpServer {
  /**
   * Begins to listen; port 0 takes a free one.
   *
   * @throws CubeError `address-in-use`; `configuration` for an address that is not ours, or one
   * beyond loopback while there is no token.
   */
  listen(address: { readonly host: string; readonly port: number }): Promise<Listening>;
  /** Ends open streams, lets requests finish for a moment, then cuts what is left. Repeatable. */
  close(): Promise<void>;
  /** For tests: a request without a socket. */
  readonly inject: FastifyInstance['inject'];
  /** Every route, with who may use it. */
  readonly routes: readonly AnyRoute[];
}

export interface Listening {
  readonly url: string;
  readonly port: number;
}

/** What makes a server the manager's or the worker's. */
export interface ServerParts {
  /** Which part of Cube this is; a request may name the one that it wants. */
  readonly role: 'manager' | 'worker';
  readonly info: Omit<ApiInfo, 'version'>;
  readonly routes: readonly AnyRoute[];
  readonly metrics: ServerMetrics;
}
