import { createServer, connect as dial, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { temporaryDirectory } from './temporary-directory.ts';

/** What a proxy does with a request. */
type ProxyAction =
  | 'pass'
  /** The request arrives and is carried out; its reply does not come back. */
  | 'lose-reply'
  /** The connection breaks in the middle of the reply. */
  | 'half-reply'
  /** The reply comes back whole, but its end is not told. */
  | 'lose-end'
  /** Nothing comes of it, ever. */
  | 'hang'
  /** It arrives after so long. */
  | { readonly delayMs: number }
  /** The proxy answers in the server's place. */
  | { readonly status: number; readonly body: string };

/** A proxy on a socket of its own in front of another, which does harm as told. */
export interface SocketProxy extends AsyncDisposable {
  readonly path: string;
  /** First lines of all requests so far, such as "GET /version HTTP/1.1". */
  readonly requests: readonly string[];
  /** Decides over each request from its first line. Default: all pass. */
  rule: (request: string) => ProxyAction;
  /** Called each time a reply was lost: the server has carried out what it was asked. */
  onReplyLost: () => void;
  /** Cuts the connections whose request fits. */
  cut(pattern: RegExp): number;
  /** Takes the socket away, as when the server is stopped, cutting all connections. */
  stop(): Promise<void>;
  /** Puts it back. */
  start(): Promise<void>;
}

/** Opens a proxy to the Unix socket at `target`, for clients that do not reuse connections. */
export async function openSocketProxy(target: string): Promise<SocketProxy> {
  const directory = await temporaryDirectory();
  const path = join(directory.path, 'proxy.sock');
  const open = new Map<Socket, string>();
  const requests: string[] = [];
  let server: Server | undefined;

  const forward = (client: Socket, head: Buffer, action: ProxyAction): void => {
    const upstream = dial(target);
    client.on('close', () => upstream.destroy());
    upstream.on('error', () => client.destroy());
    client.pipe(upstream);
    client.unshift(head);
    if (action === 'lose-reply') upstream.once('data', () => loseReply(client));
    else if (action === 'half-reply') upstream.once('data', (chunk) => sendHalf(client, chunk));
    else if (action === 'lose-end') upstream.on('data', (chunk) => client.write(withoutEnd(chunk)));
    else upstream.pipe(client);
  };

  const loseReply = (client: Socket): void => {
    proxy.onReplyLost();
    client.destroy();
  };

  const onConnection = (client: Socket): void => {
    client.on('error', () => client.destroy());
    client.on('close', () => open.delete(client));
    client.once('data', (head) => {
      client.pause();
      const [request = ''] = head.toString('latin1').split('\r\n', 1);
      requests.push(request);
      open.set(client, request);
      const action = proxy.rule(request);
      if (action === 'hang') return;
      if (typeof action === 'string') {
        forward(client, head, action);
      } else if ('delayMs' in action) {
        setTimeout(() => forward(client, head, 'pass'), action.delayMs);
      } else {
        const { status, body } = action;
        const length = Buffer.byteLength(body);
        client.end(
          `HTTP/1.1 ${status} X\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\nConnection: close\r\n\r\n${body}`,
        );
      }
    });
  };

  const proxy: SocketProxy = {
    path,
    requests,
    rule: () => 'pass',
    onReplyLost: () => undefined,
    cut(pattern) {
      const hit = [...open].filter(([, request]) => pattern.test(request));
      for (const [socket] of hit) socket.destroy();
      return hit.length;
    },
    async start() {
      const next = createServer(onConnection);
      server = next;
      await new Promise<void>((resolve) => next.listen(path, resolve));
    },
    async stop() {
      for (const socket of open.keys()) socket.destroy();
      const last = server;
      server = undefined;
      if (last !== undefined) await new Promise((resolve) => last.close(resolve));
    },
    async [Symbol.asyncDispose]() {
      await proxy.stop();
      await directory[Symbol.asyncDispose]();
    },
  };
  await proxy.start();
  return proxy;
}

/** The last piece of a reply that came in pieces, without the mark of its end. */
function withoutEnd(chunk: Buffer): Buffer {
  const end = Buffer.from('0\r\n\r\n');
  return chunk.subarray(-end.length).equals(end) ? chunk.subarray(0, -end.length) : chunk;
}

function sendHalf(client: Socket, chunk: Buffer): void {
  const headEnd = chunk.indexOf('\r\n\r\n') + 4;
  const half = chunk.subarray(0, headEnd + Math.floor((chunk.length - headEnd) / 2));
  client.write(half, () => client.destroy());
}
