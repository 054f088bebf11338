import { CubeError } from '../../src/errors/cube-error.ts';
import type { CubeEvent } from '../../src/event/event.ts';
import type { StreamItem } from '../../src/link/protocol.ts';
import { Manager } from '../../src/manager/manager.ts';
import type { ManagerOptions } from '../../src/manager/manager-options.ts';
import type { WorkerLink } from '../../src/manager/worker-link.ts';
import type { Resources } from '../../src/node/node.ts';
import type { SimulatedPolicy } from '../../src/runtime/simulated/simulated-behaviour.ts';
import { createSimulatedRuntime } from '../../src/runtime/simulated/simulated-runtime.ts';
import { SimulatedWorld } from '../../src/runtime/simulated/simulated-world.ts';
import { SeededRandom } from '../../src/simulation/seeded-random.ts';
import { VirtualClock } from '../../src/simulation/virtual-clock.ts';
import { MemoryStore } from '../../src/store/memory/memory-store.ts';
import type { Task } from '../../src/task/task.ts';
import { type TaskSpecInput, taskSpecSchema } from '../../src/task/task-spec.ts';
import { createWorker, type Worker } from '../../src/worker/worker.ts';
import { GIB } from './cluster.ts';
import { Life } from './mortal.ts';

interface SimulatedMachine {
  readonly name: string;
  readonly identity: { readonly id: string };
  readonly store: MemoryStore;
  readonly capacity: Resources;
  readonly labels: Record<string, string>;
  life: Life;
  worker: Worker | undefined;
  isCutOff: boolean;
}

export interface SimulatedClusterOptions {
  readonly policy?: SimulatedPolicy;
  readonly manager?: Partial<ManagerOptions>;
}

/**
 * The real manager and real workers on virtual time, a simulated network and simulated runtimes.
 * Machines can be cut off, and processes killed between any two of their steps.
 */
export class SimulatedCluster implements AsyncDisposable {
  readonly clock = new VirtualClock();
  readonly random = new SeededRandom(42);
  readonly world: SimulatedWorld;
  readonly managerStore = new MemoryStore();
  readonly machines = new Map<string, SimulatedMachine>();
  readonly #options: SimulatedClusterOptions;
  #managerLife = new Life();
  #manager: Manager | undefined;

  constructor(options: SimulatedClusterOptions = {}) {
    this.#options = options;
    this.world = new SimulatedWorld({
      clock: this.clock,
      random: this.random,
      ...(options.policy === undefined ? {} : { policy: options.policy }),
    });
  }

  get manager(): Manager {
    if (this.#manager === undefined) throw new Error('No manager runs.');
    return this.#manager;
  }

  async startManager(): Promise<void> {
    const life = new Life();
    this.#managerLife = life;
    this.#manager = new Manager({
      link: this.#link(life),
      store: life.store(this.managerStore),
      clock: life.clock(this.clock),
      random: this.random,
      nodeTimeoutMs: 15_000,
      ...this.#options.manager,
    });
    await this.#manager.start();
  }

  /** SIGKILL: nothing it was about to do happens. */
  killManager(): void {
    this.#managerLife.end();
    this.#manager = undefined;
  }

  addMachine(
    name: string,
    more: Partial<Pick<SimulatedMachine, 'capacity' | 'labels'>> = {},
  ): void {
    this.machines.set(name, {
      name,
      identity: { id: this.random.uuid() },
      store: new MemoryStore(),
      capacity: { cpu: 4, memory: 8 * GIB, disk: 100 * GIB },
      labels: {},
      life: new Life(),
      worker: undefined,
      isCutOff: false,
      ...more,
    });
  }

  async startWorker(name: string): Promise<void> {
    const machine = this.#machine(name);
    const life = new Life();
    machine.life = life;
    const clock = life.clock(this.clock);
    const { identity, capacity, labels } = machine;
    const runtime = (kind: 'docker' | 'process') =>
      createSimulatedRuntime({
        name: kind,
        worker: identity.id,
        clock,
        random: this.random,
        world: this.world,
      });
    const worker = createWorker({
      store: life.store(machine.store),
      runtimes: [runtime('docker'), runtime('process')],
      identity,
      name,
      address: `http://${name}:5556`,
      capacity,
      labels,
      machine: { sample: async () => ({ used: { cpu: 0.1, memory: GIB, disk: GIB }, load: 0.1 }) },
      prober: {
        http: async () => ({ healthy: true, detail: 'simulated' }),
        tcp: async () => ({ healthy: true, detail: 'simulated' }),
      },
      version: 'test',
      managerLink: {
        announce: (announcement) =>
          life.call(async () => {
            if (machine.isCutOff || this.#manager === undefined) throw unreachable('manager');
            return await this.#manager.join(announcement);
          }),
      },
      clock,
      random: this.random,
    });
    await worker.start();
    machine.worker = worker;
  }

  /** SIGKILL of the worker; its tasks run on. */
  killWorker(name: string): void {
    const machine = this.#machine(name);
    machine.life.end();
    machine.worker = undefined;
    this.world.disconnect(machine.identity.id);
  }

  /** No message goes in or out; open streams stall until somebody gives them up. */
  cutOff(name: string): void {
    this.#machine(name).isCutOff = true;
  }

  reconnect(name: string): void {
    this.#machine(name).isCutOff = false;
  }

  /** Submits and says what became of it. */
  async submit(spec: TaskSpecInput, id?: string): Promise<Task> {
    const submission = { spec: taskSpecSchema.parse(spec), id };
    const { task } = await this.manager.submit(submission, { requestId: 'test' });
    return task;
  }

  async task(id: string): Promise<Task> {
    return (await this.manager.getTask(id)).task;
  }

  async events(): Promise<readonly CubeEvent[]> {
    const records = await this.managerStore.list('events', { limit: 10_000 });
    return records.map(({ value }) => value as unknown as CubeEvent);
  }

  /** What truly runs now, as `task/attempt@machine`. */
  running(): readonly string[] {
    const names = new Map([...this.machines.values()].map((one) => [one.identity.id, one.name]));
    const running = new Map<string, boolean>();
    for (const { taskId, attempt, worker, type } of this.world.history) {
      const key = `${taskId}/${attempt}@${names.get(worker)}`;
      if (type === 'started') running.set(key, true);
      if (type === 'ended' || type === 'removed') running.delete(key);
    }
    return [...running.keys()].sort();
  }

  /** How often an instance of the task was started, by attempt. */
  startCounts(id: string): ReadonlyMap<number, number> {
    const counts = new Map<number, number>();
    for (const { taskId, attempt, type } of this.world.history) {
      if (taskId === id && type === 'started') counts.set(attempt, (counts.get(attempt) ?? 0) + 1);
    }
    return counts;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#managerLife.end();
    for (const { life } of this.machines.values()) life.end();
  }

  #machine(name: string): SimulatedMachine {
    const machine = this.machines.get(name);
    if (machine === undefined) throw new Error(`There is no machine ${name}.`);
    return machine;
  }

  #reach(address: string): { readonly machine: SimulatedMachine; readonly worker: Worker } {
    const machine = this.#machine(new URL(address).hostname);
    if (machine.worker === undefined || machine.isCutOff) throw unreachable(address);
    return { machine, worker: machine.worker };
  }

  #link(life: Life): WorkerLink {
    return {
      assign: (address, assignments) =>
        life.call(async () => {
          const { machine, worker } = this.#reach(address);
          await machine.life.call(() => worker.assign(structuredClone(assignments)));
        }),
      list: (address) => life.call(async () => this.#reach(address).worker.list()),
      reports: (address, after, signal) => this.#reports(life, { address, after, signal }),
      logs: (address, key, options) => {
        const { worker } = this.#reach(address);
        return worker.logs(key, options, options.signal);
      },
    };
  }

  async *#reports(
    life: Life,
    open: { readonly address: string; readonly after: number; readonly signal: AbortSignal },
  ): AsyncGenerator<StreamItem> {
    const { machine, worker } = this.#reach(open.address);
    const broken = new AbortController();
    const breakOff = (): void => broken.abort();
    machine.life.onEnd(breakOff);
    life.onEnd(breakOff);
    const signal = AbortSignal.any([open.signal, broken.signal]);
    for await (const item of worker.reports(open.after, signal)) {
      // What is sent while cut off is lost; the stream itself stalls rather than ends.
      if (machine.isCutOff) {
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
        break;
      }
      yield item;
    }
    if (!life.isOver) throw unreachable(open.address);
  }
}

function unreachable(what: string): CubeError {
  return new CubeError('unreachable', `Nothing answers at ${what}.`);
}
