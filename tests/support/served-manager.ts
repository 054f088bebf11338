import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import { createManagerServer } from '../../src/http/manager-server.ts';
import { type Logger, noopLogger } from '../../src/lib/logger.ts';
import { Manager } from '../../src/manager/manager.ts';
import type { ManagerOptions } from '../../src/manager/manager-options.ts';
import { unreachable } from '../../src/simulation/network/simulated-network.ts';
import { SeededRandom } from '../../src/simulation/seeded-random.ts';
import { VirtualClock } from '../../src/simulation/virtual-clock.ts';
import { managerCollections } from '../../src/store/collections.ts';
import { MemoryStore } from '../../src/store/memory/memory-store.ts';

export interface Ask {
  readonly method: string;
  /** As it goes over the wire, with its query. */
  readonly target: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string | Buffer;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly tookMs: number;
}

/** A real manager behind a real server, without any worker, on virtual time. */
export interface ServedManager extends AsyncDisposable {
  readonly manager: Manager;
  readonly clock: VirtualClock;
  /** What was logged as an error. */
  readonly errors: readonly string[];
  readonly port: number;
  /** Asks over a connection that is kept. A stream without an end is cut after its head. */
  ask(what: Ask): Promise<Answer>;
}

export async function serveManager(options: Partial<ManagerOptions> = {}): Promise<ServedManager> {
  const clock = new VirtualClock();
  const errors: string[] = [];
  const logger: Logger = {
    ...noopLogger,
    error: (_, message) => errors.push(message),
    child: () => logger,
  };
  const away = async (address: string): Promise<never> => {
    throw unreachable(address);
  };
  const manager = new Manager({
    store: new MemoryStore({ collections: managerCollections }),
    link: {
      assign: away,
      list: away,
      // biome-ignore lint/correctness/useYield: nothing ever comes from a worker that is away.
      reports: async function* (address) {
        throw unreachable(address);
      },
      // biome-ignore lint/correctness/useYield: nor does any output.
      logs: async function* (address) {
        throw unreachable(address);
      },
      // biome-ignore lint/correctness/useYield: nor can anything be run.
      openSession: async function* (address) {
        throw unreachable(address);
      },
      usage: away,
    },
    clock,
    random: new SeededRandom(1),
    logger,
    ...options,
  });
  await manager.start();
  const server = await createManagerServer({
    service: manager,
    logger,
    version: '0.0.0',
    hasProcessMetrics: false,
  });
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  return {
    manager,
    clock,
    errors,
    port,
    ask: (what) => askServer(what, { agent, port }),
    async [Symbol.asyncDispose]() {
      agent.destroy();
      await server.close();
      await manager.stop();
    },
  };
}

function askServer(
  { method, target, headers = {}, body = '' }: Ask,
  { agent, port }: { readonly agent: Agent; readonly port: number },
): Promise<Answer> {
  const startedAt = performance.now();
  const length = method === 'GET' ? {} : { 'content-length': Buffer.byteLength(body) };
  return new Promise((resolve, reject) => {
    const asked = request(
      { host: '127.0.0.1', port, agent, method, path: target, headers: { ...length, ...headers } },
      (reply) => {
        const chunks: Buffer[] = [];
        const answer = (): void =>
          resolve({
            status: reply.statusCode ?? 0,
            headers: reply.headers,
            text: Buffer.concat(chunks).toString(),
            tookMs: performance.now() - startedAt,
          });
        reply.on('data', (chunk: Buffer) => chunks.push(chunk));
        reply.on('end', answer);
        reply.on('error', reject);
        const isStream = /event-stream|ndjson/.test(reply.headers['content-type'] ?? '');
        if (isStream && !target.includes('follow=false')) {
          answer();
          reply.destroy();
        }
      },
    );
    asked.on('error', reject);
    asked.end(method === 'GET' ? undefined : body);
  });
}
