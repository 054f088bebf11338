import { connect, type Socket } from 'node:net';
import { createManagerServer } from '../../src/http/manager-server.ts';
import type { HttpServer, HttpServerOptions } from '../../src/http/server-options.ts';
import { createWorkerServer } from '../../src/http/worker-server.ts';
import type { Logger } from '../../src/lib/logger.ts';
import { FakeManagerService } from './fake-manager-service.ts';
import { FakeWorkerService } from './fake-worker-service.ts';

/** Keeps what is logged, to be looked at. */
class RecordingLogger implements Logger {
  readonly lines: { readonly level: string; readonly fields: object; readonly message: string }[] =
    [];

  debug(fields: object, message: string): void {
    this.lines.push({ level: 'debug', fields, message });
  }
  info(fields: object, message: string): void {
    this.lines.push({ level: 'info', fields, message });
  }
  warn(fields: object, message: string): void {
    this.lines.push({ level: 'warn', fields, message });
  }
  error(fields: object, message: string): void {
    this.lines.push({ level: 'error', fields, message });
  }
  child(): Logger {
    return this;
  }
}

interface OpenServer<Service> extends AsyncDisposable {
  readonly service: Service;
  readonly server: HttpServer;
  readonly logger: RecordingLogger;
}

export interface ListeningServer<Service> extends OpenServer<Service> {
  readonly url: string;
  readonly port: number;
}

type Options = Partial<Omit<HttpServerOptions, 'logger' | 'version'>> & {
  readonly ownPorts?: readonly number[];
};

const defaults = { version: '0.0.0', hasProcessMetrics: false };

/** A manager's server without a socket, over a service that does nothing. */
export async function openManager(options: Options = {}): Promise<OpenServer<FakeManagerService>> {
  const service = new FakeManagerService();
  const logger = new RecordingLogger();
  const server = await createManagerServer({ ...defaults, ...options, logger, service });
  return { service, server, logger, [Symbol.asyncDispose]: () => server.close() };
}

/** As `openManager`, listening on loopback. */
export async function startManager(
  options: Options & { readonly host?: string } = {},
): Promise<ListeningServer<FakeManagerService>> {
  const open = await openManager(options);
  const { url, port } = await open.server.listen({ host: options.host ?? '127.0.0.1', port: 0 });
  return { ...open, url, port };
}

/** A worker's server without a socket, over a service that does nothing. */
export async function openWorker(options: Options = {}): Promise<OpenServer<FakeWorkerService>> {
  const service = new FakeWorkerService();
  const logger = new RecordingLogger();
  const server = await createWorkerServer({ ...defaults, ...options, logger, service });
  return { service, server, logger, [Symbol.asyncDispose]: () => server.close() };
}

/** As `openWorker`, listening on loopback. */
export async function startWorker(
  options: Options = {},
): Promise<ListeningServer<FakeWorkerService>> {
  const open = await openWorker(options);
  const { url, port } = await open.server.listen({ host: '127.0.0.1', port: 0 });
  return { ...open, url, port };
}

/** Sends these bytes and resolves with all that comes back until the other side closes. */
export function exchange(port: number, bytes: string | Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    let received = '';
    const socket: Socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1');
    });
    socket.on('close', () => resolve(received));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      // A server that has said enough may reset; what it said still counts.
      if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') reject(error);
    });
  });
}

/** A request as bytes, with `Connection: close` so that the other side ends the exchange. */
export function rawRequest(line: string, headers: readonly string[], body = ''): string {
  return [`${line} HTTP/1.1`, ...headers, 'Connection: close', '', body].join('\r\n');
}

/** The status of the first reply in these bytes. */
export function statusOfReply(reply: string): number {
  return Number(/^HTTP\/1\.1 (\d{3})/.exec(reply)?.[1]);
}
