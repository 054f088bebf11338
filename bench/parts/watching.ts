import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { LoadReply, LoadRequest } from '../processes/http-load.ts';
import type { WatchReply, WatchRequest } from '../processes/sse-watchers.ts';
import type { Figure, OpenPart, Part, Readings } from '../suite/part.ts';
import { timesAtLeast, valueAtMost } from '../suite/target.ts';
import { peakMb, residentMb, startCubeDaemon } from '../support/cube-daemon.ts';
import { LineChild } from '../support/line-child.ts';

const WATCHERS = 1000;
const CONNECTIONS = 64;
const ROUNDS = 3;
const WARM_UP_MS = 1000;
const LOAD_MS = 4000;

const alone = { name: 'without watchers', of: 'alone rate' };

/** What the clients follow. */
const kinds = [
  { name: 'own', words: '1,000 watchers, each of its own task' },
  { name: 'all', words: '1,000 watchers of everything' },
] as const;

const figures: readonly Figure[] = kinds.flatMap(({ name, words }): readonly Figure[] => [
  {
    name: `${words}: tasks accepted`,
    unit: '/s',
    ours: `${name} rate`,
    reference: alone,
    target: timesAtLeast(0.8),
  },
  { name: `${words}: delivered after, p50`, unit: 'ms', ours: `${name} p50` },
  {
    name: `${words}: delivered after, p99`,
    unit: 'ms',
    ours: `${name} p99`,
    target: valueAtMost(250),
  },
  { name: `${words}: events delivered`, unit: '/s', ours: `${name} events` },
  {
    name: `${words}: memory of the manager, most`,
    unit: 'MB',
    ours: `${name} peak`,
    reference: { name: 'without watchers', of: 'alone peak' },
  },
]);

const spec = { name: 'watched', command: 'sleep', args: ['60'], labels: { team: 'web' } };

class Watching {
  readonly #directory: string;
  readonly #load: LineChild;
  readonly #watchers: LineChild;

  constructor(directory: string, load: LineChild, watchers: LineChild) {
    this.#directory = directory;
    this.#load = load;
    this.#watchers = watchers;
  }

  async run(kind: 'alone' | 'own' | 'all'): Promise<Readings> {
    const folder = join(this.#directory, randomUUID());
    await mkdir(folder, { mode: 0o700 });
    await using manager = await startCubeDaemon('manager', folder);
    const { port, process: cube } = manager;
    await this.#submit({ port, ms: WARM_UP_MS, bodies: [JSON.stringify(spec)] });
    const ids = Array.from({ length: WATCHERS }, () => randomUUID());
    if (kind !== 'alone') {
      const queries = ids.map((id) => (kind === 'own' ? `?task=${id}` : ''));
      await this.#watch({ op: 'open', port, queries });
    }
    const own = ids.map((id) => JSON.stringify({ ...spec, id }));
    // Those that are watched come now and then between others.
    const bodies = [...own, JSON.stringify(spec)];
    const { rate } = await this.#submit({ port, ms: LOAD_MS, bodies, between: 3 });
    if (kind === 'alone') return { 'alone rate': rate, 'alone peak': peakMb(cube.pid) };
    // What was said at the end is still on its way.
    await pause(1000);
    const seen = await this.#watch({ op: 'take' });
    const readings = {
      [`${kind} rate`]: rate,
      [`${kind} p50`]: seen.p50,
      [`${kind} p99`]: seen.p99,
      [`${kind} events`]: seen.events / ((LOAD_MS + 1000) / 1000),
      [`${kind} peak`]: peakMb(cube.pid),
      [`${kind} resident`]: residentMb(cube.pid),
    };
    if (seen.open !== WATCHERS) throw new Error(`Only ${seen.open} watchers are left.`);
    await this.#watch({ op: 'open', port, queries: [] });
    return readings;
  }

  #submit(request: Omit<LoadRequest, 'connections'>): Promise<LoadReply> {
    return this.#load.ask<LoadReply>({ ...request, connections: CONNECTIONS });
  }

  #watch(request: WatchRequest): Promise<WatchReply> {
    return this.#watchers.ask<WatchReply>(request);
  }
}

async function open(directory: string): Promise<OpenPart> {
  await using parts = new AsyncDisposableStack();
  const load = parts.use(LineChild.ofNode('processes/http-load.ts'));
  const watchers = parts.use(LineChild.ofNode('processes/sse-watchers.ts'));
  const watching = new Watching(directory, load, watchers);
  const kept = parts.move();
  return {
    trials: [
      {
        name: 'watching',
        rounds: ROUNDS,
        contenders: (['alone', 'own', 'all'] as const).map((kind) => ({
          name: kind === 'alone' ? 'without watchers' : `watchers of ${kind}`,
          run: () => watching.run(kind),
        })),
      },
    ],
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** 1,000 clients of the event stream while tasks are handed in as fast as they are taken. */
export const watchingPart: Part = {
  name: 'watching',
  figures,
  notes: [
    'watching: tasks are handed in over 64 connections; each makes two events. Watchers of everything get each of them, 1,000 times.',
  ],
  open,
};
