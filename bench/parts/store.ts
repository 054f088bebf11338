import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { closeSync, fdatasyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { noopLogger } from '../../src/lib/logger.ts';
import { Manager } from '../../src/manager/manager.ts';
import { managerCollections } from '../../src/store/collections.ts';
import { MemoryStore } from '../../src/store/memory/memory-store.ts';
import { openSqliteStore, type SqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import type { Store } from '../../src/store/store.ts';
import { taskSpecSchema } from '../../src/task/task-spec.ts';
import { BboltPeer } from '../peers/bbolt-peer.ts';
import {
  type Contender,
  type Figure,
  type OpenPart,
  type Part,
  type Readings,
  Unavailable,
} from '../suite/part.ts';
import { timesAtLeast, timesAtMost } from '../suite/target.ts';
import { absentWorkers } from '../support/absent-workers.ts';
import { type Burst, burst } from '../support/burst.ts';
import { NODE } from '../support/line-child.ts';
import { changedTask, sampleTask } from '../support/sample-task.ts';

const LARGE = 100_000;
const SMALL = 10_000;
const ROUNDS = 5;
const BURST_MS = 1000;

const book = (reading: string, name = 'bbolt, as the book') => ({ name, of: `book ${reading}` });

const figures: readonly Figure[] = [
  {
    name: 'put, one caller',
    unit: '/s',
    ours: 'cube put 1 rate',
    reference: book('put 1 rate'),
    target: timesAtLeast(1.2),
  },
  {
    name: 'put, one caller (limit)',
    unit: '/s',
    ours: 'cube put 1 rate',
    reference: { name: 'write and fdatasync of 4 KiB', of: 'disk rate' },
  },
  {
    name: 'put, 64 callers',
    unit: '/s',
    ours: 'cube put 64 rate',
    reference: book('put 64 rate'),
    target: timesAtLeast(9),
  },
  {
    name: 'put, 64 callers (tuned peer)',
    unit: '/s',
    ours: 'cube put 64 rate',
    reference: { name: 'bbolt, tuned batch', of: 'tuned put 64 rate' },
    target: timesAtLeast(1),
  },
  {
    name: 'put, 64 callers, p99',
    unit: 'ms',
    ours: 'cube put 64 p99',
    reference: book('put 64 p99'),
    target: timesAtMost(1 / 8),
  },
  {
    name: 'put, 1,000 callers',
    unit: '/s',
    ours: 'cube put 1000 rate',
    reference: { name: 'bbolt, tuned batch', of: 'tuned put 1000 rate' },
    target: timesAtLeast(2.5),
  },
  {
    name: 'put, 1,000 callers (limit)',
    unit: '/s',
    ours: 'cube put 1000 rate',
    reference: { name: 'Map, not durable', of: 'map put rate' },
  },
  {
    name: 'flushes, 64 callers',
    unit: 'flushes/put',
    ours: 'cube flushes',
    reference: { name: 'one a put', of: () => 1 },
    target: timesAtMost(1 / 30),
  },
  {
    name: 'get, one caller',
    unit: '/s',
    ours: 'cube get 1 rate',
    reference: book('get 1 rate'),
    target: timesAtLeast(1.5),
  },
  {
    name: 'get, 64 callers',
    unit: '/s',
    ours: 'cube get 64 rate',
    reference: book('get 64 rate'),
    target: timesAtLeast(1.5),
  },
  {
    name: 'get, 64 callers (limit)',
    unit: '/s',
    ours: 'cube get 64 rate',
    reference: { name: 'JSON.parse of the task', of: 'parse rate' },
  },
  {
    name: 'get from the manager’s memory',
    unit: '/s',
    ours: 'manager get rate',
    reference: book('get 1 rate'),
    target: timesAtLeast(20),
  },
  {
    name: 'list of 100,000',
    unit: 'ms',
    ours: 'cube list large',
    reference: book('list large'),
    target: timesAtMost(0.5),
  },
  {
    name: 'list of 10,000',
    unit: 'ms',
    ours: 'cube list small',
    reference: book('list small'),
    target: timesAtMost(0.5),
  },
  {
    name: 'count of 100,000',
    unit: 'ms',
    ours: 'cube count large',
    reference: book('count large'),
  },
  {
    name: 'count of 100,000: as of few',
    unit: 'ms',
    ours: 'cube count large',
    reference: { name: 'count of 10,000', of: 'cube count small' },
    target: timesAtMost(1.5),
  },
  {
    name: 'open with 100,000, first get',
    unit: 'ms',
    ours: 'cube open',
    reference: book('open'),
  },
  { name: 'file, by task', unit: 'B/task', ours: 'cube size', reference: book('size') },
];

/** What is measured of our store, on the 100,000 tasks that it holds. */
class OwnStore implements AsyncDisposable {
  readonly #path: string;
  #store: SqliteStore;
  readonly #keys: Readonly<Record<'large' | 'small', readonly string[]>>;

  private constructor(path: string, store: SqliteStore, keys: OwnStore['keys']) {
    this.#path = path;
    this.#store = store;
    this.#keys = keys;
  }

  get keys(): Readonly<Record<'large' | 'small', readonly string[]>> {
    return this.#keys;
  }

  static async open(directory: string): Promise<OwnStore> {
    const path = join(directory, 'manager.db');
    const store = await openStore(path);
    const keys = {
      large: await load(store, 'large', LARGE),
      small: await load(store, 'small', SMALL),
    };
    return new OwnStore(path, store, keys);
  }

  put(callers: number): Promise<Burst> {
    return burst({ callers, ms: BURST_MS }, () => {
      const key = this.#key();
      return this.#store.transact({
        put: [{ collection: 'large', key, value: changedTask(key) }],
      });
    });
  }

  get(callers: number): Promise<Burst> {
    return burst({ callers, ms: BURST_MS / 2 }, () => this.#store.find('large', this.#key()));
  }

  async list(collection: 'large' | 'small'): Promise<number> {
    const startedAt = performance.now();
    let after = '';
    let count = 0;
    for (;;) {
      const page = await this.#store.list(collection, { after, limit: 10_000 });
      count += page.length;
      const last = page.at(-1);
      if (last === undefined || page.length < 10_000) break;
      after = last.key;
    }
    const tookMs = performance.now() - startedAt;
    if (count !== this.#keys[collection].length) throw new Error(`The list has ${count} tasks.`);
    return tookMs;
  }

  async count(collection: 'large' | 'small'): Promise<number> {
    const { p50 } = await burst({ callers: 1, ms: 100 }, () => this.#store.count(collection));
    return p50;
  }

  async reopen(): Promise<number> {
    await this.#store.close();
    const startedAt = performance.now();
    this.#store = await openStore(this.#path);
    await this.#store.find('large', this.#keys.large[0] ?? '');
    return performance.now() - startedAt;
  }

  async sizeBytes(): Promise<number> {
    return this.#store.sizeBytes();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#store.close();
  }

  #key(): string {
    const { large } = this.#keys;
    return large[Math.floor(Math.random() * large.length)] ?? '';
  }
}

function openStore(path: string): Promise<SqliteStore> {
  return openSqliteStore({ path, role: 'manager', collections: ['large', 'small'] });
}

async function load(store: Store, collection: string, count: number): Promise<readonly string[]> {
  const keys = Array.from({ length: count }, () => randomUUID());
  for (let start = 0; start < count; start += 1000) {
    const put = keys
      .slice(start, start + 1000)
      .map((key) => ({ collection, key, value: { ...sampleTask, ID: key } }));
    await store.transact({ put });
  }
  return keys;
}

function named(prefix: string, { rate, p50, p99 }: Burst): Readings {
  return { [`${prefix} rate`]: rate, [`${prefix} p50`]: p50, [`${prefix} p99`]: p99 };
}

/** Operations a second of something that does not wait. */
function rateOf(ms: number, operation: () => void): number {
  const startedAt = performance.now();
  let count = 0;
  while (performance.now() - startedAt < ms) {
    for (let index = 0; index < 100; index += 1) operation();
    count += 100;
  }
  return (count / (performance.now() - startedAt)) * 1000;
}

/** What the disk itself can do: 4 KiB appended and flushed, one after the other. */
function diskRate(directory: string): Readings {
  const file = openSync(join(directory, 'flushed'), 'a');
  const block = Buffer.alloc(4096, 'x');
  const startedAt = performance.now();
  let count = 0;
  for (; performance.now() - startedAt < BURST_MS / 2; count += 1) {
    writeSync(file, block);
    fdatasyncSync(file);
  }
  closeSync(file);
  return { 'disk rate': (count / (performance.now() - startedAt)) * 1000 };
}

/** Counts the flushes under strace, in a process of its own. */
async function countFlushes(directory: string): Promise<Readings> {
  const folder = join(directory, randomUUID());
  await mkdir(folder);
  const trace = join(folder, 'trace');
  const program = join(import.meta.dirname, '..', 'processes', 'put-burst.ts');
  const calls = 'trace=fsync,fdatasync';
  const command = [NODE, program, join(folder, 'manager.db')];
  const ran = spawnSync('strace', ['-f', '--seccomp-bpf', '-o', trace, '-e', calls, ...command], {
    encoding: 'utf8',
  });
  if (ran.error !== undefined)
    throw new Unavailable('strace is not here (apt-get install strace).');
  if (ran.status !== 0) throw new Error(ran.stderr);
  const flushes = readFileSync(trace, 'utf8').match(/\b(?:fsync|fdatasync)\(/g) ?? [];
  return { 'cube flushes': flushes.length / Number(ran.stdout) };
}

/** A manager that holds 10,000 tasks, asked for one after the other. */
async function managerGet(): Promise<Readings> {
  const manager = new Manager({
    store: new MemoryStore({ collections: managerCollections }),
    link: absentWorkers,
    logger: noopLogger,
  });
  await manager.start();
  const spec = taskSpecSchema.parse({ name: 'task', command: 'sleep' });
  const submitted = await Promise.all(
    Array.from({ length: SMALL }, () => manager.submit({ spec }, { requestId: 'bench' })),
  );
  const ids = submitted.map(({ task }) => task.id);
  // A hundred in each, or the clock would be most of what is measured.
  const { rate } = await burst({ callers: 1, ms: BURST_MS / 2 }, async () => {
    for (let index = 0; index < 100; index += 1) {
      await manager.getTask(ids[Math.floor(Math.random() * ids.length)] ?? '');
    }
  });
  await manager.stop();
  return { 'manager get rate': 100 * rate };
}

/** Calls of a peer that may not be there: then each of its contenders says so. */
type Peer = () => BboltPeer;

function putContenders(own: OwnStore, peer: Peer, directory: string): readonly Contender[] {
  const ours = (callers: number): Contender => ({
    name: `Cube, ${callers} callers`,
    run: async () => named(`cube put ${callers}`, await own.put(callers)),
  });
  const theirs = (callers: number, mode: 'book' | 'batch'): Contender => ({
    name: `bbolt (${mode}), ${callers} callers`,
    run: async () =>
      named(
        `${mode === 'book' ? 'book' : 'tuned'} put ${callers}`,
        await peer().put(callers, BURST_MS, mode),
      ),
  });
  const map = new Map<string, object>();
  return [
    ours(1),
    theirs(1, 'book'),
    { name: 'the disk', run: async () => diskRate(directory) },
    ours(64),
    theirs(64, 'book'),
    theirs(64, 'batch'),
    ours(1000),
    theirs(1000, 'batch'),
    {
      name: 'a Map',
      run: async () => ({
        'map put rate': rateOf(200, () => {
          const key = own.keys.large[Math.floor(Math.random() * LARGE)] ?? '';
          map.set(key, changedTask(key));
        }),
      }),
    },
  ];
}

function readContenders(own: OwnStore, peer: Peer): readonly Contender[] {
  const text = JSON.stringify(sampleTask);
  return [
    ...[1, 64].flatMap((callers) => [
      {
        name: `Cube, get by ${callers}`,
        run: async () => named(`cube get ${callers}`, await own.get(callers)),
      },
      {
        name: `bbolt, get by ${callers}`,
        run: async () => named(`book get ${callers}`, await peer().get(callers, BURST_MS / 2)),
      },
    ]),
    {
      name: 'JSON.parse',
      run: async () => ({ 'parse rate': rateOf(200, () => JSON.parse(text)) }),
    },
    { name: 'the manager’s memory', run: managerGet },
    {
      name: 'Cube, lists and counts',
      run: async () => ({
        'cube list large': await own.list('large'),
        'cube list small': await own.list('small'),
        'cube count large': await own.count('large'),
        'cube count small': await own.count('small'),
        'cube open': await own.reopen(),
        'cube size': (await own.sizeBytes()) / (LARGE + SMALL),
      }),
    },
    {
      name: 'bbolt, lists and counts',
      run: async () => ({
        'book list large': await peer().time('list', 'tasks'),
        'book list small': await peer().time('list', 'small'),
        'book count large': await peer().time('count', 'tasks'),
        'book open': await peer().time('reopen', 'tasks'),
        'book size': (await peer().sizeBytes()) / (LARGE + SMALL),
      }),
    },
  ];
}

async function open(directory: string): Promise<OpenPart> {
  await using parts = new AsyncDisposableStack();
  const own = parts.use(await OwnStore.open(directory));
  const opened = await BboltPeer.open({
    directory,
    template: JSON.stringify(sampleTask),
    load: { tasks: LARGE, small: SMALL },
  }).catch((error: unknown) => {
    if (error instanceof Unavailable) return error;
    throw error;
  });
  if (opened instanceof BboltPeer) parts.use(opened);
  const peer: Peer = () => {
    if (opened instanceof BboltPeer) return opened;
    throw opened;
  };
  const kept = parts.move();
  return {
    trials: [
      { name: 'put', rounds: ROUNDS, contenders: putContenders(own, peer, directory) },
      { name: 'read', rounds: 3, contenders: readContenders(own, peer) },
      {
        name: 'flushes',
        rounds: 1,
        contenders: [{ name: 'Cube under strace', run: () => countFlushes(directory) }],
      },
    ],
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** The store by itself, beside the book's over bbolt, and beside what bounds both. */
export const storePart: Part = {
  name: 'store',
  figures,
  notes: [
    'store: records of 588 bytes under random keys, 100,000 of them; each put changes one of them and is flushed.',
  ],
  open,
};
