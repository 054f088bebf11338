import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { managerCollections } from '../../src/store/collections.ts';
import { openSqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import type { LoadReply, LoadRequest } from '../processes/http-load.ts';
import type { Figure, OpenPart, Part, Readings } from '../suite/part.ts';
import { timesAtLeast, timesAtMost } from '../suite/target.ts';
import { burst } from '../support/burst.ts';
import { startCubeDaemon } from '../support/cube-daemon.ts';
import { LineChild } from '../support/line-child.ts';
import { changedTask } from '../support/sample-task.ts';

const LEVELS = [1, 16, 64, 256] as const;
const ROUNDS = 3;
const WARM_UP_MS = 1500;
const LOAD_MS = 1500;

const body = JSON.stringify({
  name: 'web-frontend',
  image: 'registry.example.com/web/frontend:1.27.3',
  command: '/usr/bin/frontend',
  args: ['--listen', '0.0.0.0:8080', '--log-level', 'info'],
  env: { REGION: 'eu-west-1', CACHE_URL: 'redis://cache.internal:6379/0', WORKERS: '4' },
  cpu: 0.25,
  memory: '256MiB',
  ports: [{ container: 8080 }],
  labels: { team: 'web', tier: 'frontend' },
  restart: 'always',
});

/** The reference of a level: the same server that answers from memory. */
const echo = (level: number, reading: string) => ({
  name: 'the same server, echoing',
  of: `echo ${level} ${reading}`,
});

const figures: readonly Figure[] = [
  ...LEVELS.flatMap((level): readonly Figure[] => {
    const connections = level === 1 ? '1 connection' : `${level} connections`;
    return [
      {
        name: `accepted, ${connections}`,
        unit: '/s',
        ours: `cube ${level} rate`,
        reference: echo(level, 'rate'),
        ...(level === 64 ? { target: timesAtLeast(0.4) } : {}),
      },
      {
        name: `accepted, ${connections}, p50`,
        unit: 'ms',
        ours: `cube ${level} p50`,
        reference: echo(level, 'p50'),
      },
      {
        name: `accepted, ${connections}, p99`,
        unit: 'ms',
        ours: `cube ${level} p99`,
        reference: echo(level, 'p99'),
      },
    ];
  }),
  {
    name: 'accepted, 1 connection, p50: aim',
    unit: 'ms',
    ours: 'cube 1 p50',
    reference: {
      name: 'echo + 1.5 commits',
      of: (median) => median('echo 1 p50') + 1.5 * median('commit p50'),
    },
    target: timesAtMost(1),
  },
];

async function loadAtEveryLevel(load: LineChild, name: string, port: number): Promise<Readings> {
  const ask = (connections: number, ms: number): Promise<LoadReply> =>
    load.ask<LoadReply>({ port, connections, ms, bodies: [body] } satisfies LoadRequest);
  await ask(16, WARM_UP_MS);
  const readings: Record<string, number> = {};
  for (const level of LEVELS) {
    const { rate, p50, p99 } = await ask(level, LOAD_MS);
    readings[`${name} ${level} rate`] = rate;
    readings[`${name} ${level} p50`] = p50;
    readings[`${name} ${level} p99`] = p99;
  }
  return readings;
}

/** One transaction as a submission makes it: a task and its event. */
async function commitTime(directory: string): Promise<Readings> {
  const path = join(directory, randomUUID(), 'manager.db');
  const store = await openSqliteStore({ path, role: 'manager', collections: managerCollections });
  const commit = (): Promise<void> => {
    const key = randomUUID();
    const value = changedTask(key);
    const put = ['tasks', 'events'].map((collection) => ({ collection, key, value }));
    return store.transact({ put });
  };
  // As warm as the manager is: a young store has not yet put by the room into which it writes.
  await burst({ callers: 1, ms: WARM_UP_MS }, commit);
  const { p50 } = await burst({ callers: 1, ms: LOAD_MS }, commit);
  await store.close();
  return { 'commit p50': p50 };
}

async function runManager(load: LineChild, directory: string): Promise<Readings> {
  const folder = join(directory, randomUUID());
  await mkdir(folder, { mode: 0o700 });
  await using manager = await startCubeDaemon('manager', folder);
  return await loadAtEveryLevel(load, 'cube', manager.port);
}

async function runEcho(load: LineChild): Promise<Readings> {
  await using server = LineChild.ofNode('processes/echo-server.ts');
  const { port } = await server.ask<{ readonly port: number }>({});
  return await loadAtEveryLevel(load, 'echo', port);
}

async function open(directory: string): Promise<OpenPart> {
  const load = LineChild.ofNode('processes/http-load.ts');
  return {
    trials: [
      {
        name: 'submission',
        rounds: ROUNDS,
        contenders: [
          { name: 'cube manager', run: () => runManager(load, directory) },
          { name: 'echo', run: () => runEcho(load) },
          { name: 'the store alone', run: () => commitTime(directory) },
        ],
      },
    ],
    [Symbol.asyncDispose]: () => load[Symbol.asyncDispose](),
  };
}

/** Tasks handed in over HTTP, each acknowledged once it is flushed. */
export const submissionPart: Part = {
  name: 'submission',
  figures,
  notes: [
    'submission: `cube manager` as a process of its own, and the load from another; no node has joined, so that tasks wait, which is recorded as well.',
  ],
  open,
};
