// Asks a manager over and over how its cluster was, as people do who look for what happened at
// 03:00: lists of tasks and nodes at any revision, what changed between two of them, and the events
// since one. Tells how long the answers took.
import { percentile } from '../suite/statistics.ts';
import { serveLines } from '../support/line-child.ts';

export type PastRequest =
  | {
      readonly op: 'begin';
      readonly port: number;
      readonly readers: number;
      readonly newest: number;
    }
  | { readonly op: 'take' };

export interface PastReply {
  /** Answers a second. */
  readonly rate: number;
  /** In milliseconds. */
  readonly p50: number;
}

let took: number[] = [];
let stop = new AbortController();
let begunAt = 0;
let readers: readonly Promise<void>[] = [];

/** The questions of a time slider that is dragged, and of a page of events. */
function questionsAt(revision: number, newest: number): readonly string[] {
  const other = Math.max(1, revision - Math.floor(newest / 10));
  return [
    `/tasks?at=${revision}&limit=200`,
    `/nodes?at=${revision}`,
    `/diff?from=${other}&to=${revision}`,
    `/events?after=${other}&follow=false`,
  ];
}

async function read(port: number, newest: number, signal: AbortSignal): Promise<void> {
  for (let turn = 0; !signal.aborted; turn += 1) {
    // Far apart and never the same, so that no answer is one that was computed before.
    const revision = 1 + ((turn * 7919 + Math.floor(Math.random() * 100)) % (newest - 1));
    for (const question of questionsAt(revision, newest)) {
      const askedAt = performance.now();
      try {
        const reply = await fetch(`http://127.0.0.1:${port}${question}`, { signal });
        const text = await reply.text();
        if (!reply.ok) throw new Error(`${question}: ${reply.status} ${text}`);
      } catch (error) {
        if (signal.aborted) return;
        throw error;
      }
      took.push(performance.now() - askedAt);
    }
  }
}

await serveLines(async (request: PastRequest): Promise<PastReply> => {
  if (request.op === 'begin') {
    const { port, newest } = request;
    stop = new AbortController();
    took = [];
    begunAt = performance.now();
    readers = Array.from({ length: request.readers }, () => read(port, newest, stop.signal));
    return { rate: 0, p50: 0 };
  }
  const seconds = (performance.now() - begunAt) / 1000;
  stop.abort();
  await Promise.all(readers);
  return { rate: took.length / seconds, p50: percentile(took, 0.5) };
});
