import type { Logger } from '../../../src/lib/logger.ts';
import type { Assignments, AttemptKey, StreamItem } from '../../../src/link/protocol.ts';
import type { Runtime } from '../../../src/runtime/runtime.ts';
import type { SimulatedPolicy } from '../../../src/runtime/simulated/simulated-behaviour.ts';
import { createSimulatedRuntime } from '../../../src/runtime/simulated/simulated-runtime.ts';
import { SimulatedWorld } from '../../../src/runtime/simulated/simulated-world.ts';
import { Life } from '../../../src/simulation/cluster/life.ts';
import { SeededRandom } from '../../../src/simulation/seeded-random.ts';
import { drain, VirtualClock } from '../../../src/simulation/virtual-clock.ts';
import { MemoryStore } from '../../../src/store/memory/memory-store.ts';
import type { Store } from '../../../src/store/store.ts';
import { type TaskSpec, type TaskSpecInput, taskSpecSchema } from '../../../src/task/task-spec.ts';
import type { Prober } from '../../../src/worker/health/prober.ts';
import { createWorker, type Worker, type WorkerOptions } from '../../../src/worker/worker.ts';

export const CLUSTER = 'c1c1c1c1-0000-4000-8000-000000000001';
export const WORKER = 'aaaaaaaa-0000-4000-8000-000000000001';

export function taskId(number: number): string {
  return `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;
}

export function key(number: number, attempt = 1): AttemptKey {
  return { taskId: taskId(number), attempt };
}

/** A process that runs for ever, unless told otherwise. */
export function spec(input: Partial<TaskSpecInput> = {}): TaskSpec {
  return taskSpecSchema.parse({ name: 'job', command: 'server', ...input });
}

export function orders(
  parts: Partial<Omit<Assignments, 'run'>> & {
    readonly run?: readonly (AttemptKey & { readonly spec?: TaskSpec })[];
  },
): Assignments {
  const { run = [], ...rest } = parts;
  return {
    protocol: 1,
    cluster: CLUSTER,
    epoch: 1,
    stop: [],
    forget: [],
    acknowledged: 0,
    ...rest,
    run: run.map((one) => ({ taskId: one.taskId, attempt: one.attempt, spec: one.spec ?? spec() })),
  };
}

const healthyProber: Prober = {
  http: async () => ({ healthy: true, detail: 'HTTP 200' }),
  tcp: async () => ({ healthy: true, detail: 'connected' }),
};

export interface HarnessOptions {
  readonly policy?: SimulatedPolicy;
  readonly store?: Store;
  readonly logger?: Logger;
}

/** A machine that goes on when its worker crashes, and any number of workers on it in turn. */
export class WorkerHarness {
  readonly clock = new VirtualClock();
  readonly random = new SeededRandom(7);
  readonly world: SimulatedWorld;
  readonly store: Store;
  readonly #logger: Logger | undefined;
  #crash: (() => void) | undefined;

  constructor(options: HarnessOptions = {}) {
    const { clock, random } = this;
    const policy = options.policy === undefined ? {} : { policy: options.policy };
    this.world = new SimulatedWorld({ clock, random, ...policy });
    this.store = options.store ?? new MemoryStore();
    this.#logger = options.logger;
  }

  /** A started worker on this machine; the one before must have been crashed or stopped. */
  async boot(options: Partial<WorkerOptions> = {}): Promise<Worker> {
    const worker = this.create(options);
    const started = worker.start();
    await this.settle();
    await started;
    await this.settle();
    return worker;
  }

  create(options: Partial<WorkerOptions> = {}): Worker {
    const life = new Life();
    const clock = life.clock(this.clock);
    this.#crash = () => life.end();
    const { random, world } = this;
    const runtimes: readonly Runtime[] = (['process', 'docker'] as const).map((name) =>
      createSimulatedRuntime({ name, worker: WORKER, clock, random, world }),
    );
    return createWorker({
      store: life.store(this.store),
      runtimes,
      identity: { id: WORKER },
      name: 'node-1',
      address: 'http://127.0.0.1:5556',
      capacity: { cpu: 4, memory: 2 ** 32, disk: 2 ** 36 },
      machine: {
        sample: async () => ({ used: { cpu: 0.5, memory: 1024, disk: 2048 }, load: 0.25 }),
      },
      prober: healthyProber,
      version: '0.0.0-test',
      clock,
      random,
      ...(this.#logger === undefined ? {} : { logger: this.#logger }),
      ...options,
    });
  }

  /** As SIGKILL: nothing that the worker began goes on. */
  crash(): void {
    this.#crash?.();
    this.world.disconnect(WORKER);
  }

  /** Lets everything happen that needs no time. */
  async settle(): Promise<void> {
    await drain();
    await drain();
  }

  async advance(ms: number): Promise<void> {
    await this.clock.advance(ms);
  }

  /** The instances that truly run, as `<task number>/<attempt>`. */
  running(): readonly string[] {
    const names: string[] = [];
    for (const runtime of ['process', 'docker'] as const) {
      for (const { key: one } of this.world.scope(WORKER, runtime).running) {
        names.push(`${Number(one.taskId.slice(-12))}/${one.attempt}`);
      }
    }
    return names.sort();
  }

  target(number: number, attempt = 1): AttemptKey & { readonly worker: string } {
    return { ...key(number, attempt), worker: WORKER };
  }
}

/** Reads a stream in the background, and keeps what came. */
export class StreamReader {
  readonly items: StreamItem[] = [];
  readonly #abort = new AbortController();
  readonly done: Promise<void>;

  constructor(worker: Worker, after = 0) {
    this.done = this.#read(worker.reports(after, this.#abort.signal));
  }

  get reports(): readonly Extract<StreamItem, { type: 'report' }>[] {
    return this.items.filter((item) => item.type === 'report');
  }

  get heartbeatCount(): number {
    return this.items.filter((item) => item.type === 'heartbeat').length;
  }

  close(): void {
    this.#abort.abort();
  }

  async #read(stream: AsyncIterable<StreamItem>): Promise<void> {
    for await (const item of stream) this.items.push(item);
  }
}
