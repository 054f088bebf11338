import { randomUUID } from 'node:crypto';
import { cp, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { LoadReply, LoadRequest } from '../processes/http-load.ts';
import type { PastReply, PastRequest } from '../processes/past-readers.ts';
import type { Figure, OpenPart, Part, Readings } from '../suite/part.ts';
import { timesAtLeast, timesAtMost } from '../suite/target.ts';
import { peakMb, startCubeDaemon } from '../support/cube-daemon.ts';
import { makeManagerData } from '../support/finished-tasks.ts';
import { LineChild } from '../support/line-child.ts';

/** As many finished tasks as a manager keeps, of four events each. */
const TASKS = 10_000;
const EVENTS = 4 * TASKS;
const READERS = 4;
const CONNECTIONS = 64;
const ROUNDS = 3;
const WARM_UP_MS = 1500;
const LOAD_MS = 4000;

const alone = (reading: string) => ({ name: 'without readers', of: `alone ${reading}` });

const figures: readonly Figure[] = [
  {
    name: '4 readers of the past: tasks accepted',
    unit: '/s',
    ours: 'past rate',
    reference: alone('rate'),
    target: timesAtLeast(0.8),
  },
  {
    name: '4 readers of the past: accepted, p50',
    unit: 'ms',
    ours: 'past p50',
    reference: alone('p50'),
    target: timesAtMost(1.25),
  },
  {
    name: '4 readers of the past: accepted, p99',
    unit: 'ms',
    ours: 'past p99',
    reference: alone('p99'),
  },
  { name: 'answers about the past, beside the load', unit: '/s', ours: 'answers rate' },
  { name: 'answers about the past, beside the load, p50', unit: 'ms', ours: 'answers p50' },
  { name: 'answers about the past, without a load, p50', unit: 'ms', ours: 'calm p50' },
  {
    name: '4 readers of the past: memory of the manager, most',
    unit: 'MB',
    ours: 'past peak',
    reference: alone('peak'),
  },
];

const body = JSON.stringify({ name: 'present', command: 'sleep', args: ['60'] });

class Looking {
  readonly #directory: string;
  readonly #load: LineChild;
  readonly #readers: LineChild;

  constructor(directory: string, load: LineChild, readers: LineChild) {
    this.#directory = directory;
    this.#load = load;
    this.#readers = readers;
  }

  async run(kind: 'alone' | 'past' | 'calm'): Promise<Readings> {
    const folder = join(this.#directory, randomUUID());
    await cp(join(this.#directory, 'data'), folder, { recursive: true });
    await using manager = await startCubeDaemon('manager', folder);
    const { port, process: cube } = manager;
    await this.#submit(port, WARM_UP_MS);
    if (kind === 'calm') {
      await this.#ask({ op: 'begin', port, readers: 1, newest: EVENTS });
      await new Promise((resolve) => setTimeout(resolve, LOAD_MS));
      return { 'calm p50': (await this.#ask({ op: 'take' })).p50 };
    }
    if (kind === 'past') await this.#ask({ op: 'begin', port, readers: READERS, newest: EVENTS });
    const { rate, p50, p99 } = await this.#submit(port, LOAD_MS);
    const present = { rate, p50, p99, peak: peakMb(cube.pid) };
    const named = Object.entries(present).map(([name, value]) => [`${kind} ${name}`, value]);
    if (kind === 'alone') return Object.fromEntries(named);
    const answers = await this.#ask({ op: 'take' });
    return {
      ...Object.fromEntries(named),
      'answers rate': answers.rate,
      'answers p50': answers.p50,
    };
  }

  #submit(port: number, ms: number): Promise<LoadReply> {
    const request: LoadRequest = { port, ms, connections: CONNECTIONS, bodies: [body] };
    return this.#load.ask<LoadReply>(request);
  }

  #ask(request: PastRequest): Promise<PastReply> {
    return this.#readers.ask<PastReply>(request);
  }
}

async function open(directory: string): Promise<OpenPart> {
  await using parts = new AsyncDisposableStack();
  const load = parts.use(LineChild.ofNode('processes/http-load.ts'));
  const readers = parts.use(LineChild.ofNode('processes/past-readers.ts'));
  const data = join(directory, 'data');
  await mkdir(data, { mode: 0o700 });
  await makeManagerData(data, TASKS);
  const looking = new Looking(directory, load, readers);
  const kept = parts.move();
  return {
    trials: [
      {
        name: 'history',
        rounds: ROUNDS,
        contenders: [
          { name: 'without readers', run: () => looking.run('alone') },
          { name: 'readers of the past', run: () => looking.run('past') },
          { name: 'readers alone', run: () => looking.run('calm') },
        ],
      },
    ],
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** How the cluster was, asked over and over while tasks are handed in as fast as they are taken. */
export const historyPart: Part = {
  name: 'history',
  figures,
  notes: [
    'history: a log of 40,000 events of 10,000 tasks; each answer is of a moment of which nothing was computed before.',
  ],
  open,
};
