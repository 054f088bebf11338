import type { IncomingMessage } from 'node:http';
import type { Fetch, FetchReply } from '../client/connection.ts';

/**
 * What the clients need of `fetch`, on the HTTP client that Node itself is built with. The
 * platform's own takes more time to load than a command otherwise lives.
 */
export const nodeFetch: Fetch = (address, { body, ...options }) => {
  // Not from src/lib/node-http.ts, which loads both at once: most commands need one, or none.
  const { request } = address.startsWith('https:')
    ? process.getBuiltinModule('node:https')
    : process.getBuiltinModule('node:http');
  const bodyOptions =
    body === undefined ? options : { ...options, headers: withLength(options.headers, body) };
  return new Promise((resolve, reject) => {
    const outgoing = request(address, bodyOptions);
    // Stays: what goes wrong after the answer has begun is told by the answer too.
    outgoing.on('error', reject);
    outgoing.once('response', (incoming) => resolve(toReply(incoming)));
    outgoing.end(body);
  });
};

function withLength(
  headers: Readonly<Record<string, string>> | undefined,
  body: string,
): Readonly<Record<string, string>> {
  return { ...headers, 'content-length': `${Buffer.byteLength(body)}` };
}

function toReply(incoming: IncomingMessage): FetchReply {
  const { statusCode: status = 0 } = incoming;
  const cancel = async (): Promise<void> => {
    incoming.destroy();
  };
  return {
    status,
    ok: status >= 200 && status < 300,
    headers: { get: (name) => incoming.headersDistinct[name.toLowerCase()]?.join(', ') ?? null },
    body: {
      cancel,
      getReader() {
        const chunks: AsyncIterator<Uint8Array> = incoming[Symbol.asyncIterator]();
        return { cancel, read: () => chunks.next() };
      },
    },
  };
}
