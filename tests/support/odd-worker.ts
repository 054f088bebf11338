import type { ServerResponse } from 'node:http';
import type { NodeFacts } from '../../src/node/node.ts';
import { GIB } from './cluster.ts';
import { type HttpStub, sendJson, startHttpStub } from './http-stub.ts';

const WORKER_ID = '6be4cb6b-61d1-40cb-bc7b-9cacefefa60c';

/** What a worker says of itself that is there in name only. */
export function factsOf(address: string, more: Partial<NodeFacts> = {}): NodeFacts {
  return {
    id: WORKER_ID,
    name: 'worker-1',
    address,
    capacity: { cpu: 4, memory: 8 * GIB, disk: 100 * GIB },
    labels: {},
    runtimes: [{ name: 'process', available: true }],
    bindRoots: [],
    version: '0.1.0',
    ...more,
  };
}

/** Stats that it tells. */
export const oddStats = {
  used: { cpu: 0.5, memory: GIB, disk: GIB },
  load: 0.1,
  taskCount: 0,
  time: '2026-01-02T03:04:05.000Z',
};

export const heartbeat = {
  type: 'heartbeat',
  stats: oddStats,
  runtimes: [{ name: 'process', available: true }],
};

/** What a stub says in place of a worker; the rest it says as a worker does. */
export interface Odd {
  readonly list?: (response: ServerResponse) => void;
  /** Lines of the stream, before its heartbeats. */
  readonly lines?: readonly (string | object)[];
  /** Other facts than usual. */
  readonly facts?: Partial<NodeFacts>;
  /** The cluster to which it says that it belongs. */
  readonly cluster?: string;
  /** Takes orders, and does not confirm them. */
  readonly isMute?: boolean;
}

export async function startOddWorker(odd: () => Odd): Promise<HttpStub> {
  const stub: HttpStub = await startHttpStub(({ method, url }, response) => {
    const { list, lines = [], facts: more, cluster, isMute = false } = odd();
    if (method === 'POST') return isMute ? undefined : sendJson(response, {});
    if (url.pathname === '/assignments') {
      if (list !== undefined) return list(response);
      const facts = factsOf(stub.url, more);
      return sendJson(response, {
        protocol: 1,
        ...(cluster === undefined ? {} : { cluster }),
        facts,
        sequence: 0,
        observations: [],
        orphans: [],
      });
    }
    response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    for (const line of [...lines, heartbeat]) {
      response.write(`${typeof line === 'string' ? line : JSON.stringify(line)}\n`);
    }
    const timer = setInterval(() => response.write(`${JSON.stringify(heartbeat)}\n`), 100);
    response.on('close', () => clearInterval(timer));
  });
  return stub;
}
