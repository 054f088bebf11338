import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { CubeError } from '../errors/cube-error.ts';
import { invalidInput, parseInput } from '../errors/input-issues.ts';
import { readJson } from '../errors/read-json.ts';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import { nodeHttp } from '../lib/node-http.ts';
import type { Random } from '../lib/random.ts';
import {
  MESSAGE_BYTES_MAX,
  type SessionInput,
  type SessionRequest,
  sessionRequestSchema,
} from '../link/session.ts';
import { SessionSocket } from '../link/session-socket.ts';
import { pathOf } from './doors.ts';
import { securityHeaders } from './headers.ts';
import type { OpenStreams } from './open-streams.ts';
import { PROBLEM_TYPE, toCubeError, toProblem } from './problem.ts';
import type { AnyRoute } from './route.ts';
import { statusOf } from './status-codes.ts';

export interface SessionDoorOptions {
  readonly routes: readonly AnyRoute[];
  /** Everything that is checked of a request before its path matters. @throws CubeError */
  readonly enter: (request: IncomingMessage) => void;
  readonly streams: OpenStreams;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** How long the first message may take, in milliseconds. */
  readonly requestMs: number;
  readonly observe: (request: {
    readonly route: string;
    readonly method: string;
    readonly status: number;
    readonly seconds: number;
  }) => void;
}

/** Once the server closes, sessions have so long to say so and to end, in milliseconds. */
const SETTLE_MS = 2000;

/** One WebSocket that was asked for. */
interface Opening {
  readonly route: AnyRoute;
  readonly params: unknown;
  readonly raw: IncomingMessage;
  readonly requestId: string;
  readonly signal: AbortSignal;
}

/**
 * Where WebSockets come in. They pass the same doors as every request, and count as streams; what
 * is behind them is a session: its first message is the request, and the last the exit code or a
 * problem.
 */
export class SessionDoor {
  readonly #options: SessionDoorOptions;
  readonly #sockets: WebSocketServer = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: MESSAGE_BYTES_MAX,
  });
  readonly #open = new Set<Promise<void>>();

  constructor(options: SessionDoorOptions) {
    this.#options = options;
  }

  /** Whether a request is one for a session, and not one to be answered as any other. */
  accepts(request: IncomingMessage): boolean {
    const isWebSocket = request.headers.upgrade?.toLowerCase() === 'websocket';
    return isWebSocket && request.method === 'GET' && this.#find(request) !== undefined;
  }

  serve(server: Server): void {
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      // Whatever becomes of the connection is noticed by those who use it.
      socket.on('error', () => undefined);
      const startedAt = this.#options.clock.monotonic();
      const requestId = this.#options.random.uuid();
      try {
        const opening = this.#enter(request, socket, requestId);
        this.#sockets.handleUpgrade(request, socket, head, (webSocket) => {
          const session = this.#converse(
            new SessionSocket(webSocket, this.#options.clock),
            opening,
          );
          const ended = session.finally(() => {
            this.#open.delete(ended);
            this.#observe(opening.route.path, 101, startedAt);
          });
          this.#open.add(ended);
        });
      } catch (thrown) {
        const error = toCubeError(thrown);
        refuseUpgrade(socket, error, requestId);
        this.#observe(this.#find(request)?.route.path ?? 'none', statusOf[error.code], startedAt);
      }
    });
  }

  /** Resolves when all sessions have ended, or will not in time; each has been told to. */
  async settle(): Promise<void> {
    if (this.#open.size === 0) return;
    let timer: { cancel(): void } | undefined;
    const late = new Promise<void>((resolve) => {
      timer = this.#options.clock.setTimer(SETTLE_MS, resolve);
    });
    await Promise.race([Promise.all(this.#open), late]);
    timer?.cancel();
  }

  #enter(request: IncomingMessage, socket: Duplex, requestId: string): Opening {
    const { enter, streams } = this.#options;
    const found = this.#find(request);
    enter(request);
    if (found === undefined || !this.accepts(request)) {
      throw new CubeError('not-found', 'No WebSocket is offered at this path.');
    }
    const params = parseInput(found.route.params, found.params, 'The path');
    const signal = streams.open({
      socket: request.socket,
      setHeader: () => undefined,
      once: (event, listener) => socket.once(event, listener),
    });
    return { route: found.route, params, raw: request, requestId, signal };
  }

  /** Never throws: whatever goes wrong is told to the other side. */
  async #converse(socket: SessionSocket, opening: Opening): Promise<void> {
    const { signal, requestId } = opening;
    await using _ = socket;
    try {
      const request = await this.#readRequest(socket);
      const { route, params, raw } = opening;
      const open = await getSession(route)({ params, raw });
      const fields = { requestId, ...whatIsRun(params, request) };
      this.#options.logger.info(fields, 'A command is run in a task.');
      const either = AbortSignal.any([signal, socket.closed]);
      for await (const output of open({ request, input: readInput(socket), signal: either })) {
        await socket.sendWhole(output);
      }
    } catch (thrown) {
      if (socket.closed.aborted) return;
      const error = signal.aborted
        ? new CubeError('unavailable', 'Cube is shutting down, and the command was ended.')
        : toCubeError(thrown);
      if (error.code === 'internal') {
        const fields = { err: error.cause ?? error, requestId };
        this.#options.logger.error(fields, 'A session failed by a bug.');
      }
      const json = JSON.stringify(toProblem(error, requestId));
      // The other side may just have gone, and then there is nobody to tell.
      await socket.send({ type: 'problem', json }).catch(() => undefined);
    }
  }

  async #readRequest(socket: SessionSocket): Promise<SessionRequest> {
    const { clock, requestMs } = this.#options;
    let timer: { cancel(): void } | undefined;
    const late = new Promise<never>((_, reject) => {
      const error = new CubeError('request-timeout', 'The request of the session did not come.');
      timer = clock.setTimer(requestMs, () => reject(error));
    });
    try {
      const frame = await Promise.race([socket.read(), late]);
      if (frame?.type !== 'request') {
        const got = frame?.type ?? 'nothing';
        throw invalidInput('The first message', [{ field: '', got, want: 'a request' }]);
      }
      const what = 'The request';
      return parseInput(sessionRequestSchema, readJson(frame.json, what), what);
    } finally {
      timer?.cancel();
    }
  }

  #find(
    request: IncomingMessage,
  ): { readonly route: AnyRoute; readonly params: Readonly<Record<string, string>> } | undefined {
    const path = pathOf(request).split('?')[0] ?? '';
    for (const route of this.#options.routes) {
      if (route.session === undefined) continue;
      const params = paramsIn(route.path, path);
      if (params !== undefined) return { route, params };
    }
    return undefined;
  }

  #observe(route: string, status: number, startedAt: number): void {
    const { clock, observe } = this.#options;
    observe({ route, method: 'GET', status, seconds: (clock.monotonic() - startedAt) / 1000 });
  }
}

/** For the log: which program in which task, and never its arguments. */
function whatIsRun(params: unknown, { command, terminal }: SessionRequest): object {
  const { id, taskId = id, attempt }: Readonly<Record<string, unknown>> = Object(params);
  const where = attempt === undefined ? { taskId } : { taskId, attempt };
  return { ...where, program: command[0], terminal: terminal !== undefined };
}

function getSession({ session }: AnyRoute): NonNullable<AnyRoute['session']> {
  if (session === undefined) throw new Error('Broken belief: only routes with sessions are found.');
  return session;
}

/** What is in the places of the parameters; undefined where the path is another. */
function paramsIn(pattern: string, path: string): Readonly<Record<string, string>> | undefined {
  const steps = pattern.split('/');
  const given = path.split('/');
  if (steps.length !== given.length) return undefined;
  const params: [string, string][] = [];
  for (const [index, step] of steps.entries()) {
    const text = given[index] ?? '';
    if (step.startsWith(':')) params.push([step.slice(1), decoded(text)]);
    else if (step !== text) return undefined;
  }
  return Object.fromEntries(params);
}

/** No id or number has anything to decode that is broken, so that this one is refused as it is. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** What the other side sends; it may send more once a piece has gone on its way. */
async function* readInput(socket: SessionSocket): AsyncGenerator<SessionInput, void, undefined> {
  for (;;) {
    const frame = await socket.read();
    if (frame === undefined) return;
    if (frame.type !== 'input' && frame.type !== 'end' && frame.type !== 'resize') {
      const want = 'input, its end, or a size';
      throw invalidInput('A message', [{ field: '', got: frame.type, want }]);
    }
    yield frame;
    if (frame.type === 'input') await socket.taken(frame.data);
  }
}

function refuseUpgrade(socket: Duplex, error: CubeError, requestId: string): void {
  const status = statusOf[error.code];
  const body = JSON.stringify(toProblem(error, requestId));
  const headers = {
    ...securityHeaders,
    ...(error.code === 'unauthorized' ? { 'www-authenticate': 'Bearer' } : {}),
    'content-type': PROBLEM_TYPE,
    'content-length': String(Buffer.byteLength(body)),
    connection: 'close',
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  const head = `HTTP/1.1 ${status} ${nodeHttp.STATUS_CODES[status] ?? 'Error'}`;
  socket.end([head, ...lines, '', body].join('\r\n'), () => socket.destroy());
}
