import { createServer, type RequestListener } from 'node:http';
import {
  type AddressInfo,
  createServer as createTcpServer,
  type Server,
  type Socket,
} from 'node:net';
import { describe, expect, test } from 'vitest';
import { isOwnAddress, netProber } from '../../../src/worker/health/net-prober.ts';

const never = new AbortController().signal;

/** A server on a free port, with every connection cut when it is let go. */
async function listening(server: Server) {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    target: { host: '127.0.0.1', port },
    sockets,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const web = (answer: RequestListener) => listening(createServer(answer));

describe('a health check by http', () => {
  test.each([
    [200, true],
    [204, true],
    [302, true],
    [399, true],
    [400, false],
    [404, false],
    [500, false],
  ])('takes status %i as healthy: %s', async (status, healthy) => {
    await using server = await web((_request, reply) => {
      reply.writeHead(status).end();
    });
    const result = await netProber.http(server.target, '/', never);
    expect(result).toEqual({ healthy, detail: `HTTP ${status}` });
  });

  test('asks for the path as it is, and tells nothing of the worker', async () => {
    const asked: unknown[] = [];
    await using server = await web((request, reply) => {
      asked.push([request.method, request.url, request.headers.authorization]);
      reply.end();
    });
    await netProber.http(server.target, '/health?full=1', never);
    expect(asked).toEqual([['GET', '/health?full=1', undefined]]);
  });

  test('follows no redirect', async () => {
    let count = 0;
    await using server = await web((_request, reply) => {
      count += 1;
      reply.writeHead(302, { location: 'http://169.254.169.254/latest/meta-data' }).end();
    });
    expect(await netProber.http(server.target, '/', never)).toMatchObject({ healthy: true });
    expect(count).toBe(1);
  });

  test('does not read a body without end', async () => {
    await using server = await web((_request, reply) => {
      const more = (): void => {
        while (!reply.destroyed && reply.write('x'.repeat(65_536)));
        if (!reply.destroyed) reply.once('drain', more);
      };
      more();
    });
    const result = await netProber.http(server.target, '/', never);
    expect(result).toEqual({ healthy: true, detail: 'HTTP 200' });
    await expect.poll(() => server.sockets.size).toBe(0);
  });

  test('gives up with its signal, and leaves no connection behind', async () => {
    await using server = await web(() => undefined);
    const abort = new AbortController();
    const result = netProber.http(server.target, '/', abort.signal);
    await expect.poll(() => server.sockets.size).toBe(1);
    abort.abort();
    expect(await result).toEqual({ healthy: false, detail: 'no answer in time' });
    await expect.poll(() => server.sockets.size).toBe(0);
  });

  test('finds a task that speaks no HTTP unhealthy', async () => {
    await using server = await listening(
      createTcpServer((socket) => {
        socket.end('SSH-2.0-something\r\n');
      }),
    );
    expect((await netProber.http(server.target, '/', never)).healthy).toBe(false);
  });

  test('finds headers without end unhealthy', async () => {
    await using server = await listening(
      createTcpServer((socket) => {
        socket.write('HTTP/1.1 200 OK\r\n');
        const more = (): void => {
          while (!socket.destroyed && socket.write(`x: ${'y'.repeat(1000)}\r\n`));
          if (!socket.destroyed) socket.once('drain', more);
        };
        more();
      }),
    );
    expect((await netProber.http(server.target, '/', never)).healthy).toBe(false);
  });
});

describe('a health check by tcp', () => {
  test('is healthy when a connection is taken', async () => {
    await using server = await listening(createTcpServer());
    expect(await netProber.tcp(server.target, never)).toEqual({
      healthy: true,
      detail: 'connected',
    });
  });

  test('says that a connection was refused', async () => {
    const { target } = await (async () => {
      await using server = await listening(createTcpServer());
      return { target: server.target };
    })();
    expect(await netProber.tcp(target, never)).toEqual({
      healthy: false,
      detail: 'connection refused',
    });
    expect(await netProber.http(target, '/', never)).toEqual({
      healthy: false,
      detail: 'connection refused',
    });
  });

  test('is not made with a signal that is aborted already', async () => {
    await using server = await listening(createTcpServer());
    expect((await netProber.tcp(server.target, AbortSignal.abort())).healthy).toBe(false);
    expect(server.sockets.size).toBe(0);
  });
});

describe('health checks reach only this machine', () => {
  test.each(['127.0.0.1', '127.1.2.3', '::1'])('%s is its own', (address) => {
    expect(isOwnAddress(address)).toBe(true);
  });

  test.each(['169.254.169.254', '192.0.2.1', '127.0.0.1.example.com', 'localhost', ''])(
    '%j is not',
    async (address) => {
      expect(isOwnAddress(address)).toBe(false);
      const result = await netProber.http({ host: address, port: 80 }, '/', never);
      expect(result.healthy).toBe(false);
      expect(result.detail).toContain('not an address of this machine');
    },
  );
});
