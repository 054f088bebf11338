import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import Docker from 'dockerode';
import pLimit from 'p-limit';
import { type CubeClient, createCubeClient } from '../../src/client/cube-client.ts';
import { ensureTestImage } from '../../tests/support/docker-image.ts';
import { AT_A_TIME, EnginePeer } from '../peers/engine-peer.ts';
import { SwarmPeer } from '../peers/swarm-peer.ts';
import {
  type Contender,
  type Figure,
  type OpenPart,
  type Part,
  type Readings,
  Unavailable,
} from '../suite/part.ts';
import { timesAtMost } from '../suite/target.ts';
import { startCubeDaemon } from '../support/cube-daemon.ts';
import { TaskWatch } from '../support/task-watch.ts';

interface Size {
  readonly count: number;
  readonly rounds: number;
  /** Targets against the engine and against Swarm, as ratios. */
  readonly start: readonly [number, number] | undefined;
}

const sizes: readonly Size[] = [
  { count: 1, rounds: 5, start: [1.15, 0.45] },
  { count: 10, rounds: 3, start: undefined },
  { count: 50, rounds: 2, start: [1.15, 0.5] },
];

const phases = [
  { name: 'start', words: 'accepted → running' },
  { name: 'replace', words: 'killed → running again' },
  { name: 'stop', words: 'stop, graceful' },
] as const;

const peers = [
  { name: 'engine', words: 'Engine API by hand' },
  { name: 'swarm', words: 'Swarm' },
] as const;

const figures: readonly Figure[] = phases.flatMap((phase) =>
  sizes.flatMap((size) =>
    peers.map((peer, index): Figure => {
      const atMost = targetOf(phase.name, size, index);
      return {
        name: `${phase.words}, ${size.count} (${peer.words})`,
        unit: 'ms',
        ours: `cube ${phase.name} ${size.count}`,
        reference: { name: peer.words, of: `${peer.name} ${phase.name} ${size.count}` },
        ...(atMost === undefined ? {} : { target: timesAtMost(atMost) }),
      };
    }),
  ),
);

function targetOf(
  phase: (typeof phases)[number]['name'],
  size: Size,
  peer: number,
): number | undefined {
  if (phase === 'start') return size.start?.[peer];
  if (phase === 'replace') return [1.2, 0.7][peer];
  return size.count === 50 && peer === 1 ? 0.6 : undefined;
}

/** Something that starts, replaces and stops so many containers. */
interface Runner {
  /** Makes ready to see what happens; not measured. */
  prepare?(): Promise<void>;
  start(count: number): Promise<void>;
  replace(): Promise<void>;
  stop(): Promise<void>;
  /** Ends what goes on beside the phase before; not measured. */
  settle?(): Promise<void>;
  /** What is left of them goes; not measured. */
  remove?(): Promise<void>;
}

/** Cube, asked through its client and watched over its event stream. */
class CubeRunner implements Runner {
  readonly #client: CubeClient;
  readonly #docker: Docker;
  readonly #image: string;
  #watch: TaskWatch | undefined;
  #ids: readonly string[] = [];

  constructor(client: CubeClient, docker: Docker, image: string) {
    this.#client = client;
    this.#docker = docker;
    this.#image = image;
  }

  async prepare(): Promise<void> {
    const { revision } = await this.#client.status();
    this.#watch = new TaskWatch(this.#client, revision);
  }

  async start(count: number): Promise<void> {
    const submitted = await Promise.all(
      Array.from({ length: count }, () =>
        this.#client.submit({
          name: 'bench-latency',
          image: this.#image,
          pull: 'never',
          command: 'sleep',
          args: ['3600'],
          restart: { policy: 'always', delay: '0s' },
        }),
      ),
    );
    this.#ids = submitted.map(({ task }) => task.id);
    await this.#watch?.untilRunning(count, 1);
  }

  async replace(): Promise<void> {
    const containers = await this.#docker.listContainers({
      filters: { name: ['cube-bench-latency'] },
    });
    const limit = pLimit(AT_A_TIME);
    await Promise.all([
      ...containers.map(({ Id }) => limit(() => this.#docker.getContainer(Id).kill())),
      this.#watch?.untilRunning(this.#ids.length, 2),
    ]);
  }

  async stop(): Promise<void> {
    await Promise.all([
      ...this.#ids.map((id) => this.#client.stop(id)),
      this.#watch?.untilEnded(this.#ids.length),
    ]);
    await this.#watch?.stop();
  }

  /** Containers of ended tasks stay until the tasks are pruned; here they would slow the engine. */
  async remove(): Promise<void> {
    const filters = { name: ['cube-bench-latency'] };
    const containers = await this.#docker.listContainers({ all: true, filters });
    const limit = pLimit(AT_A_TIME);
    await Promise.all(
      containers.map(({ Id }) =>
        limit(() => this.#docker.getContainer(Id).remove({ force: true })),
      ),
    );
  }
}

async function timeOf(act: () => Promise<void>): Promise<number> {
  const startedAt = performance.now();
  await act();
  return performance.now() - startedAt;
}

async function runPhases(name: string, runner: Runner, count: number): Promise<Readings> {
  await runner.prepare?.();
  const start = await timeOf(() => runner.start(count));
  const replace = await timeOf(() => runner.replace());
  await runner.settle?.();
  const stop = await timeOf(() => runner.stop());
  await runner.remove?.();
  return {
    [`${name} start ${count}`]: start,
    [`${name} replace ${count}`]: replace,
    [`${name} stop ${count}`]: stop,
  };
}

async function open(directory: string): Promise<OpenPart> {
  const docker = new Docker();
  const isThere = await docker.ping().then(
    () => true,
    () => false,
  );
  if (!isThere) return withoutEngine;
  await using parts = new AsyncDisposableStack();
  const image = await ensureTestImage();
  const folder = join(directory, 'data');
  await mkdir(folder, { mode: 0o700 });
  const up = parts.use(await startCubeDaemon('up', folder));
  const client = createCubeClient({ url: `http://127.0.0.1:${up.port}` });
  const cube = new CubeRunner(client, docker, image);
  parts.defer(() => cube.remove());
  const engine = new EnginePeer(docker, image);
  parts.defer(() => engine.remove());
  const swarm = await SwarmPeer.open(docker, image).catch((error: unknown) => {
    if (error instanceof Unavailable) return error;
    throw error;
  });
  if (swarm instanceof SwarmPeer) parts.use(swarm);
  // The first of everything is slower.
  for (const runner of [cube, engine]) await runPhases('warm-up', runner, 1);
  const contenders = (count: number): readonly Contender[] => [
    { name: 'Cube', run: () => runPhases('cube', cube, count) },
    { name: 'the engine by hand', run: () => runPhases('engine', engine, count) },
    {
      name: 'Swarm',
      run: async () => {
        if (swarm instanceof SwarmPeer) return await runPhases('swarm', swarm, count);
        throw swarm;
      },
    },
  ];
  const kept = parts.move();
  return {
    trials: sizes.map(({ count, rounds }) => ({
      name: `${count} containers`,
      rounds,
      contenders: contenders(count),
    })),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** Every figure is skipped then, with the reason. */
const withoutEngine: OpenPart = {
  trials: [
    {
      name: 'containers',
      rounds: 1,
      contenders: [
        {
          name: 'Docker',
          run: () => Promise.reject(new Unavailable('No Docker Engine answers here.')),
        },
      ],
    },
  ],
  [Symbol.asyncDispose]: async () => undefined,
};

/** From the wish to the container, on a real Docker Engine, beside the engine itself and Swarm. */
export const latencyPart: Part = {
  name: 'latency',
  figures,
  notes: [
    'latency: `cube up` on this machine; a container of busybox that sleeps, with an init. The Engine API is driven 8 at a time. Swarm’s own words count for Swarm, and Cube’s for Cube.',
  ],
  open,
};
