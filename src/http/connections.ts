import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { CubeError } from '../errors/cube-error.ts';
import type { ErrorCode } from '../errors/error-codes.ts';
import { nodeHttp } from '../lib/node-http.ts';
import { PROBLEM_TYPE, toProblem } from './problem.ts';
import { statusOf } from './status-codes.ts';

export interface ConnectionLimits {
  readonly connectionCountMax: number;
  readonly connectionsPerAddressMax: number;
  /** In milliseconds. */
  readonly stallMs: number;
}

/** The open connections of a server. */
export interface Connections {
  /**
   * Closes those on which no request is being answered, now, and the others as soon as theirs is.
   * The server's own way leaves connections open on which nothing was ever asked.
   */
  closeUnused(): void;
}

/** Watches the connections of a server, and refuses those beyond the limits. */
export function watchConnections(server: Server, limits: ConnectionLimits): Connections {
  const requestCounts = new Map<Socket, number>();
  let isClosing = false;
  limitConnections(server, limits);
  server.on('connection', (socket: Socket) => {
    if (isClosing) socket.destroy();
    requestCounts.set(socket, 0);
    socket.once('close', () => requestCounts.delete(socket));
  });
  server.on('request', ({ socket }, response) => {
    requestCounts.set(socket, (requestCounts.get(socket) ?? 0) + 1);
    response.once('close', () => {
      const left = (requestCounts.get(socket) ?? 1) - 1;
      if (requestCounts.has(socket)) requestCounts.set(socket, left);
      if (isClosing && left === 0) socket.destroySoon();
    });
  });
  cutStalled(server, {
    stallMs: limits.stallMs,
    isUsed: (socket) => requestCounts.get(socket) !== 0,
  });
  return {
    closeUnused() {
      isClosing = true;
      for (const [socket, count] of requestCounts) if (count === 0) socket.destroy();
    },
  };
}

/**
 * Cuts off whoever does not take what he asked for: until then it is kept in memory. A reply that
 * has nothing to say for a while, as that of a stream, is left alone.
 */
function cutStalled(
  server: Server,
  { stallMs, isUsed }: { readonly stallMs: number; readonly isUsed: (socket: Socket) => boolean },
): void {
  server.timeout = stallMs;
  // Comes when nothing was sent or received for so long, and when a connection is kept in vain.
  server.on('timeout', (socket: Socket) => {
    if (isUsed(socket) && socket.writableLength === 0) socket.setTimeout(stallMs);
    else socket.destroy();
  });
}

function limitConnections(server: Server, limits: ConnectionLimits): void {
  server.maxConnections = limits.connectionCountMax;
  const countByAddress = new Map<string, number>();
  server.on('connection', (socket: Socket) => {
    const address = socket.remoteAddress ?? '';
    const count = (countByAddress.get(address) ?? 0) + 1;
    countByAddress.set(address, count);
    socket.once('close', () => {
      const left = (countByAddress.get(address) ?? 1) - 1;
      if (left === 0) countByAddress.delete(address);
      else countByAddress.set(address, left);
    });
    if (count > limits.connectionsPerAddressMax) {
      refuse(socket, 'too-many-requests', 'Too many connections come from this address.');
    }
  });
}

/** What could not even be read as a request, by the parser's codes. */
const brokenRequests: ReadonlyMap<string, readonly [ErrorCode, string]> = new Map([
  ['HPE_HEADER_OVERFLOW', ['headers-too-large', 'The headers are longer than 16 KiB in all.']],
  ['ERR_HTTP_REQUEST_TIMEOUT', ['request-timeout', 'The request did not arrive in time.']],
  [
    'HPE_INVALID_METHOD',
    ['method-not-allowed', 'This is no method of HTTP, and perhaps not HTTP at all.'],
  ],
]);

/** Answers what is not a request of HTTP, and closes the connection. */
export function refuseBrokenRequest(error: Error & { code?: string }, socket: Socket): void {
  // Midway through a reply, another one would only corrupt it.
  const reply: unknown = Reflect.get(socket, '_httpMessage');
  const isReplying =
    typeof reply === 'object' && reply !== null && Reflect.get(reply, 'headersSent');
  if (error.code === 'ECONNRESET' || !socket.writable || isReplying === true) {
    socket.destroy();
    return;
  }
  const [code, message] = brokenRequests.get(error.code ?? '') ?? [
    'not-understood',
    'This is not a request that HTTP allows.',
  ];
  refuse(socket, code, message);
}

function refuse(socket: Socket, code: ErrorCode, message: string): void {
  const status = statusOf[code];
  const { instance: _, ...problem } = toProblem(new CubeError(code, message), '');
  const body = JSON.stringify(problem);
  socket.end(
    [
      `HTTP/1.1 ${status} ${nodeHttp.STATUS_CODES[status] ?? 'Error'}`,
      ...(code === 'method-not-allowed' ? ['Allow: GET, POST, DELETE'] : []),
      `Content-Type: ${PROBLEM_TYPE}`,
      `Content-Length: ${Buffer.byteLength(body)}`,
      'Connection: close',
      '',
      body,
    ].join('\r\n'),
    () => socket.destroy(),
  );
}
