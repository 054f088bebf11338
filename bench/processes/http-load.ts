// Posts one body over and over from many connections, each waiting for its reply, and tells how
// fast that went. As little work as can be, since it shares the machine with what it measures.
import { connect, type Socket } from 'node:net';
import { percentile } from '../suite/statistics.ts';
import { serveLines } from '../support/line-child.ts';

export interface LoadRequest {
  readonly port: number;
  readonly connections: number;
  readonly ms: number;
  /** The bodies in turn; the last is then posted for as long as there is time. */
  readonly bodies: readonly string[];
  /** Posts this many of the last body between each of the others. Default 0. */
  readonly between?: number;
}

export interface LoadReply {
  readonly rate: number;
  /** In milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

/** Connections from one address at most: a server takes no more from one client. */
const PER_ADDRESS = 140;

const HEAD_END = Buffer.from('\r\n\r\n');

function toRequest(port: number, body: string): Buffer {
  const length = Buffer.byteLength(body);
  return Buffer.from(
    `POST /tasks HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n${body}`,
  );
}

/** How many bytes the reply at the beginning of `data` takes; undefined while it is not whole. */
function replyLength(data: Buffer): number | undefined {
  const headEnd = data.indexOf(HEAD_END);
  if (headEnd < 0) return undefined;
  const head = data.toString('latin1', 0, headEnd);
  if (!/^HTTP\/1\.1 20[01] /.test(head)) throw new Error(data.toString());
  const length = /content-length: (\d+)/i.exec(head)?.[1];
  if (length === undefined) throw new Error(`A reply without a length: ${head}`);
  const whole = headEnd + HEAD_END.length + Number(length);
  return data.length >= whole ? whole : undefined;
}

class Load {
  readonly took: number[] = [];
  readonly #requests: readonly Buffer[];
  readonly #between: number;
  #sent = 0;

  constructor({ port, bodies, between = 0 }: LoadRequest) {
    this.#requests = bodies.map((body) => toRequest(port, body));
    this.#between = between;
  }

  next(): Buffer {
    const turn = this.#sent % (this.#between + 1) === 0 ? this.#sent / (this.#between + 1) : -1;
    this.#sent += 1;
    return this.#requests[turn] ?? this.#requests.at(-1) ?? Buffer.alloc(0);
  }

  /** Asks over one connection until the time is over. */
  run(socket: Socket, deadline: number): Promise<void> {
    return new Promise((resolve, reject) => {
      let askedAt = performance.now();
      let received: Buffer = Buffer.alloc(0);
      socket.on('data', (chunk) => {
        received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
        const length = replyLength(received);
        if (length === undefined) return;
        received = received.subarray(length);
        const now = performance.now();
        this.took.push(now - askedAt);
        if (now >= deadline) {
          socket.destroy();
          resolve();
          return;
        }
        askedAt = now;
        socket.write(this.next());
      });
      socket.once('error', reject);
      socket.once('end', () => reject(new Error('The server has closed a connection.')));
      socket.write(this.next());
    });
  }
}

function open(port: number, index: number): Promise<Socket> {
  const localAddress = `127.0.0.${1 + Math.floor(index / PER_ADDRESS)}`;
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, localAddress, noDelay: true });
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject);
      resolve(socket);
    });
  });
}

await serveLines<LoadRequest>(async (request): Promise<LoadReply> => {
  const load = new Load(request);
  const indices = Array.from({ length: request.connections }, (_, index) => index);
  const sockets = await Promise.all(indices.map((index) => open(request.port, index)));
  const startedAt = performance.now();
  await Promise.all(sockets.map((socket) => load.run(socket, startedAt + request.ms)));
  const seconds = (performance.now() - startedAt) / 1000;
  const { took } = load;
  return {
    rate: took.length / seconds,
    p50: percentile(took, 0.5),
    p99: percentile(took, 0.99),
  };
});
