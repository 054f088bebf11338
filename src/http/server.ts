import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { z } from 'zod';
import { CubeError } from '../errors/cube-error.ts';
import { describeValue } from '../errors/describe-value.ts';
import { invalidInput, parseInput } from '../errors/input-issues.ts';
import { readJson } from '../errors/read-json.ts';
import { type Clock, systemClock } from '../lib/clock.ts';
import { systemRandom } from '../lib/random.ts';
import { type Access, type Authorize, createAuthorize } from './authorize.ts';
import { type Connections, refuseBrokenRequest, watchConnections } from './connections.ts';
import { fitConnections } from './descriptor-limit.ts';
import {
  checkMediaType,
  checkRole,
  createDoors,
  type Doors,
  isLoopbackHost,
  pathOf,
} from './doors.ts';
import { securityHeaders } from './headers.ts';
import { toListenError } from './listen-error.ts';
import { addGauge } from './metrics.ts';
import { noCompilers } from './no-compilers.ts';
import { OpenStreams } from './open-streams.ts';
import { PROBLEM_TYPE, toCubeError, toProblem } from './problem.ts';
import { RequestSpans } from './request-spans.ts';
import { type AnyRoute, defineRoute, FullReply } from './route.ts';
import {
  defaultLimits,
  type HttpServer,
  type HttpServerOptions,
  type Listening,
  type ServerParts,
} from './server-options.ts';
import { SessionDoor } from './session-door.ts';
import { statusOf } from './status-codes.ts';

const BODY_BYTES_MAX = 1024 ** 2;
const HEADER_BYTES_MAX = 16 * 1024;
/** Longer parameters than any id or name. */
const PARAMETER_LENGTH_MAX = 100;
const KEEP_ALIVE_MS = 5000;
/** How long requests may take to finish once the server closes, in milliseconds. */
const CLOSE_GRACE_MS = 2000;

/** @internal The common part of both servers. */
export async function createHttpServer(
  options: HttpServerOptions,
  parts: ServerParts,
): Promise<HttpServer> {
  const server = new Server(options, parts);
  await server.prepare();
  return server;
}

class Server implements HttpServer {
  readonly routes: readonly AnyRoute[];
  readonly inject: FastifyInstance['inject'];
  readonly #options: HttpServerOptions;
  readonly #parts: ServerParts;
  #description: Promise<object> | undefined;
  readonly #app: FastifyInstance;
  readonly #authorize: Authorize;
  readonly #connections: Connections;
  readonly #clock: Clock;
  readonly #streams: OpenStreams;
  readonly #names: string[];
  readonly #spans: RequestSpans;
  readonly #sessions: SessionDoor;
  #doors: Doors;
  #isClosing = false;
  #closed: Promise<void> | undefined;

  constructor(options: HttpServerOptions, parts: ServerParts) {
    this.#options = options;
    this.#parts = parts;
    this.#clock = options.clock ?? systemClock;
    this.#spans = new RequestSpans(options.tracer);
    this.#names = [...(options.doors?.names ?? [])];
    this.#authorize = createAuthorize(options.doors?.token);
    // Until it listens, only requests without a socket come, and they name port 80.
    this.#doors = this.#createDoors(this.#names, 80);
    this.routes = [...parts.routes, descriptionRoute(() => this.#describe())];
    const wanted = { ...defaultLimits, ...options.limits };
    const limits = { ...wanted, connectionCountMax: fitConnections(wanted.connectionCountMax) };
    this.#streams = new OpenStreams(limits);
    addGauge(parts.metrics.registry, {
      name: 'cube_http_streams',
      help: 'Streams that are open: of events, reports and logs, and sessions.',
      read: () => [[this.#streams.count]],
    });
    const random = options.random ?? systemRandom;
    this.#sessions = new SessionDoor({
      routes: parts.routes,
      enter: (request) => this.#enterSession(request),
      streams: this.#streams,
      clock: this.#clock,
      random,
      logger: options.logger,
      requestMs: limits.requestMs,
      observe: (request) => this.#parts.metrics.observe(request),
    });
    this.#app = Fastify({
      logger: false,
      schemaController: noCompilers,
      bodyLimit: BODY_BYTES_MAX,
      requestTimeout: limits.requestMs,
      keepAliveTimeout: KEEP_ALIVE_MS,
      return503OnClosing: false,
      exposeHeadRoutes: false,
      forceCloseConnections: 'idle',
      genReqId: () => random.uuid(),
      requestIdHeader: false,
      routerOptions: { maxParamLength: PARAMETER_LENGTH_MAX },
      rewriteUrl: pathOf,
      frameworkErrors: (error, request, reply) => this.#onFrameworkError(error, request, reply),
      clientErrorHandler: refuseBrokenRequest,
      http: {
        maxHeaderSize: HEADER_BYTES_MAX,
        headersTimeout: Math.min(limits.headersMs, limits.requestMs),
        connectionsCheckingInterval: Math.min(1000, limits.headersMs),
        // Checked by the doors, with our own words.
        requireHostHeader: false,
        shouldUpgradeCallback: (request) => this.#sessions.accepts(request),
      },
    });
    this.inject = this.#app.inject.bind(this.#app);
    this.#connections = watchConnections(this.#app.server, limits);
    this.#sessions.serve(this.#app.server);
    // A body that is waited for is asked for only when the doors have let its head through; other
    // expectations are refused in our own words, and by the same doors.
    for (const name of ['checkContinue', 'checkExpectation']) {
      this.#app.server.on(name, (request: IncomingMessage, response: ServerResponse) => {
        this.#app.server.emit('request', request, response);
      });
    }
  }

  async prepare(): Promise<void> {
    const app = this.#app;
    app.setValidatorCompiler(() => () => true);
    app.setSerializerCompiler(() => (data) => JSON.stringify(data));
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => {
      done(null, body);
    });
    app.addHook('onRequest', (request, reply, done) => this.#onRequest(request, reply, done));
    app.addHook('onRoute', (route) => {
      if (Reflect.get(route.config ?? {}, 'access') === undefined) {
        throw new Error(`Broken belief: ${route.url} says who may use it.`);
      }
    });
    app.setNotFoundHandler((request) => {
      throw new CubeError('not-found', `There is nothing at ${shownPath(request.raw)}.`, {
        hint: 'GET /openapi.json tells every path.',
      });
    });
    app.setErrorHandler((error, request, reply) => this.#sendError(error, request, reply));
    for (const route of this.routes) this.#add(route);
    await app.ready();
  }

  async listen(address: { readonly host: string; readonly port: number }): Promise<Listening> {
    // One socket for one name: the limits on connections belong to it.
    const host = address.host === 'localhost' ? '127.0.0.1' : address.host;
    if (this.#options.doors?.token === undefined && !isLoopbackHost(host)) {
      throw new CubeError('configuration', `Listening on ${host} needs a token.`, {
        hint: 'Whoever reached it could run anything on this machine: give a token, or listen on 127.0.0.1.',
      });
    }
    try {
      await this.#app.listen({ host, port: address.port });
    } catch (error) {
      throw toListenError(error, address);
    }
    const bound = this.#app.server.address();
    const port = isAddressInfo(bound) ? bound.port : address.port;
    const isAny = host === '0.0.0.0' || host === '::';
    this.#doors = this.#createDoors(isAny ? this.#names : [...this.#names, host], port);
    const shown = isAny ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host;
    return { url: `http://${shown}:${port}`, port };
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#isClosing = true;
    this.#streams.abort();
    await this.#sessions.settle();
    const timer = this.#clock.setTimer(CLOSE_GRACE_MS, () =>
      this.#app.server.closeAllConnections(),
    );
    const closed = this.#app.close();
    this.#connections.closeUnused();
    await closed;
    timer.cancel();
  }

  #onRequest(request: FastifyRequest, reply: FastifyReply, done: (error?: Error) => void): void {
    try {
      // Also when the client goes first, of which the framework would say nothing.
      const startedAt = this.#clock.monotonic();
      this.#spans.open(request);
      reply.raw.once('close', () => this.#onEnd(request, reply, startedAt));
      reply.headers(securityHeaders);
      this.#enter(request, reply);
    } catch (error) {
      done(toCubeError(error));
      return;
    }
    done();
  }

  #createDoors(names: readonly string[], port: number): Doors {
    const pages = this.#parts.routes.filter(({ isPage }) => isPage).map(({ path }) => path);
    return createDoors({ names, port, pages });
  }

  /** Everything that is checked before a handler or a body is touched. */
  #enter(request: FastifyRequest, reply: FastifyReply): void {
    this.#doors.check(request.raw);
    this.#authorize(request.raw, accessOf(request));
    checkRole(request.raw, this.#parts.role);
    if (this.#isClosing) throw new CubeError('unavailable', 'Cube is shutting down.');
    if (request.is404) this.#checkMethod(request, reply);
    else if (request.method === 'POST') checkMediaType(request.raw);
    checkExpectation(request.raw);
    if (isWaiting(request.raw)) reply.raw.writeContinue();
  }

  #enterSession(request: IncomingMessage): void {
    this.#doors.check(request);
    this.#authorize(request, 'token');
    checkRole(request, this.#parts.role);
    if (this.#isClosing) throw new CubeError('unavailable', 'Cube is shutting down.');
  }

  #describe(): Promise<object> {
    const info = { ...this.#parts.info, version: this.#options.version };
    this.#description ??= import('./openapi.ts').then(({ describeApi }) =>
      describeApi(this.routes, info),
    );
    return this.#description;
  }

  #checkMethod(request: FastifyRequest, reply: FastifyReply): void {
    const allowed = this.routes
      .filter((route) => matches(route.path, request.raw.url ?? ''))
      .map((route) => route.method);
    if (allowed.length === 0) return;
    const allow = [...new Set(allowed)].join(', ');
    reply.header('allow', allow);
    throw new CubeError(
      'method-not-allowed',
      `${request.method} is not possible here, only ${allow}.`,
    );
  }

  #add(route: AnyRoute): void {
    this.#app.route({
      method: route.method,
      url: route.path,
      exposeHeadRoute: route.answersHead === true,
      config: { access: route.access },
      bodyLimit: route.bodyBytesMax ?? BODY_BYTES_MAX,
      handler: async (request, reply) => {
        const result = await route.handle(
          {
            params: parseInput(route.params, request.params, 'The path'),
            query: parseInput(route.query, { ...Object(request.query) }, 'The query'),
            requestId: request.id,
            traceparent: this.#spans.traceparentOf(request),
            raw: request.raw,
            body: () => readBody(request),
            openSignal: () => this.#signalFor(reply),
          },
          reply,
        );
        if (result === undefined) return reply;
        const full = result instanceof FullReply ? result : new FullReply(200, result);
        return reply
          .code(full.status)
          .headers({ 'content-type': 'application/json; charset=utf-8', ...full.headers })
          .send(typeof full.body === 'string' ? full.body : JSON.stringify(full.body));
      },
    });
  }

  /** Aborted when the client is gone, the reply is complete, or the server closes. */
  #signalFor(reply: FastifyReply): AbortSignal {
    const signal = this.#streams.open(reply.raw);
    if (this.#isClosing) this.#streams.abort();
    return signal;
  }

  #onFrameworkError(error: Error, request: FastifyRequest, reply: FastifyReply): void {
    reply.headers(securityHeaders);
    try {
      this.#doors.check(request.raw);
      this.#authorize(request.raw, 'token');
    } catch (refusal) {
      this.#sendError(refusal, request, reply);
      return;
    }
    this.#sendError(error, request, reply);
  }

  #sendError(thrown: unknown, request: FastifyRequest, reply: FastifyReply): void {
    const error = toCubeError(thrown);
    if (error.code === 'internal') {
      const fields = { err: error.cause ?? error, requestId: request.id };
      this.#options.logger.error(fields, 'A request failed by a bug.');
    }
    // Its body was not asked for, so what comes next on the connection may be that or a request.
    if (request.raw.headers.expect !== undefined) reply.header('connection', 'close');
    if (error.code === 'unauthorized') reply.header('www-authenticate', 'Bearer');
    if (error.retryable && statusOf[error.code] === 503) reply.header('retry-after', '1');
    reply
      .code(statusOf[error.code])
      .header('content-type', PROBLEM_TYPE)
      .send(JSON.stringify(toProblem(error, request.id)));
  }

  #onEnd(request: FastifyRequest, reply: FastifyReply, startedAt: number): void {
    const route = request.is404 ? 'none' : (request.routeOptions.url ?? 'none');
    const { method } = request;
    // 499 as others have it: the client went before there was a reply.
    const status = reply.raw.headersSent ? reply.raw.statusCode : 499;
    const durationMs = this.#clock.monotonic() - startedAt;
    this.#parts.metrics.observe({ route, method, status, seconds: durationMs / 1000 });
    this.#spans.end(request, status);
    const fields = { requestId: request.id, method, route, status, durationMs };
    this.#options.logger.debug(fields, 'A request has ended.');
  }
}

function descriptionRoute(describe: () => Promise<object>): AnyRoute {
  return defineRoute({
    method: 'GET',
    path: '/openapi.json',
    access: 'token',
    summary: 'This description.',
    replies: { 200: { description: 'OpenAPI 3.1.', schema: z.looseObject({}) } },
    handle: describe,
  });
}

/** Whether the client waits for leave before it sends the body. */
function isWaiting(request: IncomingMessage): boolean {
  return request.headers.expect?.toLowerCase() === '100-continue';
}

function checkExpectation(request: IncomingMessage): void {
  const { expect } = request.headers;
  if (expect === undefined || isWaiting(request)) return;
  throw invalidInput('The Expect header', [
    { field: 'Expect', got: describeValue(expect, []), want: '100-continue, or no such header' },
  ]);
}

function accessOf(request: FastifyRequest): Access | undefined {
  if (request.is404) return 'token';
  const access: unknown = Reflect.get(request.routeOptions.config, 'access');
  return access === 'open' || access === 'token' ? access : undefined;
}

function readBody(request: FastifyRequest): unknown {
  const bytes = request.body;
  if (!(bytes instanceof Uint8Array) || bytes.length === 0) return undefined;
  return readJson(bytes, 'The body');
}

function shownPath(request: IncomingMessage): string {
  return JSON.stringify((request.url ?? '/').split('?')[0]?.slice(0, 80));
}

function matches(pattern: string, url: string): boolean {
  const steps = pattern.split('/');
  const given = (url.split('?')[0] ?? '').split('/');
  return (
    steps.length === given.length &&
    steps.every((step, index) => step.startsWith(':') || step === given[index])
  );
}

function isAddressInfo(address: AddressInfo | string | null): address is AddressInfo {
  return typeof address === 'object' && address !== null;
}
