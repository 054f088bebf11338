import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface StubRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export interface HttpStub extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly requests: readonly StubRequest[];
}

/** What a stub answers: a value as JSON, or whatever the function writes by itself. */
export type StubAnswer = (request: StubRequest, response: ServerResponse) => void | Promise<void>;

/** A server on loopback that answers what the test says, for clients to meet. */
export async function startHttpStub(answer: StubAnswer): Promise<HttpStub> {
  const requests: StubRequest[] = [];
  const server = createServer(async (incoming, response) => {
    let body = '';
    for await (const chunk of incoming) body += String(chunk);
    const request = {
      method: incoming.method ?? '',
      url: new URL(incoming.url ?? '/', 'http://stub'),
      headers: incoming.headers,
      body,
    };
    requests.push(request);
    await answer(request, response);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}

export function sendJson(response: ServerResponse, value: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(value));
}

/** An error reply as the servers of Cube write it. */
export function sendProblem(
  response: ServerResponse,
  problem: { readonly status: number; readonly code: string; readonly detail: string } & Record<
    string,
    unknown
  >,
): void {
  response.writeHead(problem.status, { 'content-type': 'application/problem+json' });
  response.end(JSON.stringify({ type: 'about:blank', title: problem.code, ...problem }));
}
