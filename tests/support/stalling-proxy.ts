import { createServer, connect as dial, type Socket } from 'node:net';

/** A proxy in front of a port of this machine, whose connections can be made to stall. */
export interface StallingProxy extends AsyncDisposable {
  readonly port: number;
  /**
   * From now on nothing passes on the connections that are open, which stay open; later ones are
   * well. Returns how many stall.
   */
  stall(): number;
}

/** `target` gives the port, for each connection anew. */
export async function openStallingProxy(target: () => number): Promise<StallingProxy> {
  const pairs = new Map<Socket, Socket>();
  const server = createServer((client) => {
    const upstream = dial(target(), '127.0.0.1');
    pairs.set(client, upstream);
    client.once('close', () => {
      pairs.delete(client);
      upstream.destroy();
    });
    for (const socket of [client, upstream]) socket.on('error', () => client.destroy());
    client.pipe(upstream);
    upstream.pipe(client);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    stall() {
      for (const [client, upstream] of pairs) {
        client.unpipe(upstream);
        upstream.unpipe(client);
        upstream.pause();
      }
      return pairs.size;
    },
    async [Symbol.asyncDispose]() {
      for (const client of pairs.keys()) client.destroy();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}
