// Many clients of a manager's event stream, in one process: counts what comes and how late it is.
import { connect, type Socket } from 'node:net';
import { percentile } from '../suite/statistics.ts';
import { serveLines } from '../support/line-child.ts';

export type WatchRequest =
  | {
      readonly op: 'open';
      readonly port: number;
      /** What each client asks for, as `?task=…`. */
      readonly queries: readonly string[];
    }
  | { readonly op: 'take' };

export interface WatchReply {
  readonly open: number;
  readonly events: number;
  /** From the time of the event to its arrival, in milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

const PER_ADDRESS = 140;

/** The time of an event is looked at in every so many bytes at most; reading all costs too much. */
const SAMPLE_BYTES = 65_536;

const TIME = Buffer.from('"time":"');
const EVENT = Buffer.from('\ndata: ');

let eventCount = 0;
let delays: number[] = [];
const sockets = new Set<Socket>();

function watch(port: number, query: string, localAddress: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, localAddress });
    let unsampledBytes = SAMPLE_BYTES;
    let isOpen = false;
    sockets.add(socket);
    socket.once('error', reject);
    socket.once('close', () => {
      sockets.delete(socket);
      reject(new Error('The server has closed a stream.'));
    });
    socket.on('data', (chunk) => {
      if (!isOpen) {
        isOpen = true;
        const head = chunk.toString('latin1', 0, 12);
        if (head !== 'HTTP/1.1 200') reject(new Error(chunk.toString()));
        resolve();
      }
      unsampledBytes += chunk.length;
      for (let at = chunk.indexOf(EVENT); at >= 0; at = chunk.indexOf(EVENT, at + 1)) {
        eventCount += 1;
      }
      if (unsampledBytes < SAMPLE_BYTES && chunk.length > 4096) return;
      const at = chunk.indexOf(TIME);
      if (at < 0) return;
      unsampledBytes = 0;
      const time = Date.parse(chunk.toString('latin1', at + TIME.length, at + TIME.length + 24));
      if (Number.isFinite(time)) delays.push(Date.now() - time);
    });
    socket.write(
      `GET /events${query} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAccept: text/event-stream\r\n\r\n`,
    );
  });
}

await serveLines<WatchRequest>(async (request): Promise<WatchReply> => {
  if (request.op === 'open') {
    for (const socket of sockets) socket.removeAllListeners('close').destroy();
    sockets.clear();
    await Promise.all(
      request.queries.map((query, index) =>
        watch(request.port, query, `127.0.0.${10 + Math.floor(index / PER_ADDRESS)}`),
      ),
    );
  }
  const reply = {
    open: sockets.size,
    events: eventCount,
    p50: percentile(delays, 0.5),
    p99: percentile(delays, 0.99),
  };
  eventCount = 0;
  delays = [];
  return reply;
});
