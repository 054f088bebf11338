import { createServer, type Socket } from 'node:net';

export interface RawServer extends AsyncDisposable {
  readonly url: string;
}

/** How something answers that is not to be waited for. Each is told of a request's first bytes. */
export const halfOpenAnswers = {
  /** Takes what is sent, and says nothing. */
  silence: () => undefined,
  /** Half of an answer, and then nothing. */
  half: (socket) => void socket.write(`${head(1000)}{"protocol":1,"cluster":`),
  /** An answer that comes, byte by byte, and would take for ever. */
  drip: (socket) => {
    socket.write(head(1_000_000));
    const timer = setInterval(() => socket.write(' '), 50);
    socket.once('close', () => clearInterval(timer));
  },
  /** An answer of a gigabyte. */
  flood: (socket) => {
    const chunk = Buffer.alloc(1024 ** 2, ' ');
    socket.write(head(1024 ** 3));
    const pour = (): void => {
      while (socket.writable && socket.write(chunk));
    };
    socket.on('drain', pour);
    pour();
  },
} as const satisfies Record<string, (socket: Socket) => void>;

/** A server on loopback that answers each connection's first bytes as the test says, below HTTP. */
export async function startRawServer(answer: (socket: Socket) => void): Promise<RawServer> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => sockets.delete(socket));
    socket.once('data', () => answer(socket));
    socket.resume();
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}

function head(length: number): string {
  return `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`;
}
