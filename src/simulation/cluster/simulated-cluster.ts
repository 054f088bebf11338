import type { CubeEvent } from '../../event/event.ts';
import type { Clock } from '../../lib/clock.ts';
import { type Logger, noopLogger } from '../../lib/logger.ts';
import { Manager } from '../../manager/manager.ts';
import type { ManagerOptions } from '../../manager/manager-options.ts';
import type { WorkerLink } from '../../manager/worker-link.ts';
import type { Resources } from '../../node/node.ts';
import type { SimulatedPolicy } from '../../runtime/simulated/simulated-behaviour.ts';
import { createSimulatedRuntime } from '../../runtime/simulated/simulated-runtime.ts';
import { type SimulatedRecord, SimulatedWorld } from '../../runtime/simulated/simulated-world.ts';
import { createScheduler } from '../../scheduler/create-scheduler.ts';
import type { MemoryStore } from '../../store/memory/memory-store.ts';
import type { Transaction } from '../../store/store.ts';
import type { Task } from '../../task/task.ts';
import { type TaskSpecInput, taskSpecSchema } from '../../task/task-spec.ts';
import {
  createWorker,
  type ManagerLink,
  type Worker,
  type WorkerOptions,
} from '../../worker/worker.ts';
import { Dice } from '../dice.ts';
import { SimulatedDisk } from '../disk/simulated-disk.ts';
import { ReportStreams } from '../network/report-streams.ts';
import { MANAGER, SimulatedNetwork, unreachable } from '../network/simulated-network.ts';
import { SeededRandom } from '../seeded-random.ts';
import { VirtualClock } from '../virtual-clock.ts';
import type { ClusterWatch } from './cluster-watch.ts';
import { Life } from './life.ts';
import { MachineClock } from './machine-clock.ts';
import { type PortPatches, patched } from './port-patches.ts';
import { createSimulatedLink } from './simulated-link.ts';
import { strangerOf } from './strangers.ts';

const GIB = 1024 ** 3;

export interface SimulatedMachine {
  readonly name: string;
  /** As in the identity file, which outlives the store. */
  identity: WorkerOptions['identity'];
  readonly clock: MachineClock;
  readonly disk: SimulatedDisk;
  readonly store: MemoryStore;
  readonly capacity: Resources;
  readonly labels: Record<string, string>;
  /** Whether it presents itself; otherwise it must be on the manager's list. */
  readonly isAnnounced: boolean;
  life: Life;
  worker: Worker | undefined;
}

export interface SimulatedClusterOptions {
  readonly policy?: SimulatedPolicy;
  readonly manager?: Partial<ManagerOptions>;
  /** Default 42. */
  readonly seed?: number;
  /** Told of each transaction of the manager that is on its disk. */
  readonly onWritten?: (transaction: Transaction) => void;
  /** For every worker alike. */
  readonly worker?: Partial<WorkerOptions>;
  /** How the events of runtimes reach a worker. Default: at once. */
  readonly deliver?: (tell: () => void) => void;
  readonly watch?: ClusterWatch;
  readonly patches?: PortPatches;
  /** Told of what truly happens. Default: the world keeps its history. */
  readonly observe?: (record: SimulatedRecord) => void;
  /** What the process named says. */
  readonly logger?: (process: string) => Logger;
}

/**
 * The real manager and real workers on virtual time, a simulated network and simulated runtimes.
 * Machines can be cut off, and processes killed between any two of their steps.
 */
export class SimulatedCluster implements AsyncDisposable {
  /** True time. */
  readonly clock = new VirtualClock();
  readonly managerClock = new MachineClock(this.clock);
  readonly random: SeededRandom;
  readonly world: SimulatedWorld;
  readonly network: SimulatedNetwork;
  readonly streams: ReportStreams;
  readonly managerDisk: SimulatedDisk;
  readonly managerStore: MemoryStore;
  /** All that ever ran. */
  readonly #processes: { stop(): Promise<void> }[] = [];
  readonly machines = new Map<string, SimulatedMachine>();
  readonly #options: SimulatedClusterOptions;
  readonly #seed: number;
  #managerLife = new Life();
  #manager: Manager | undefined;

  constructor(options: SimulatedClusterOptions = {}) {
    const { clock } = this;
    const seed = options.seed ?? 42;
    this.#options = options;
    this.#seed = seed;
    this.random = new SeededRandom(seed);
    this.network = new SimulatedNetwork(clock, new Dice(seed, 'network'));
    this.streams = new ReportStreams(new Dice(seed, 'streams'));
    this.managerDisk = new SimulatedDisk({
      clock,
      dice: new Dice(seed, 'manager disk'),
      ...(options.onWritten === undefined ? {} : { onWritten: options.onWritten }),
      onTorn: (isMade) => options.watch?.onTornWrite?.(isMade),
    });
    this.managerStore = this.managerDisk.store;
    this.world = new SimulatedWorld({
      clock: this.clock,
      clockOf: (worker) => this.#clockOf(worker),
      random: this.random,
      ...(options.deliver === undefined ? {} : { deliver: options.deliver }),
      ...(options.policy === undefined ? {} : { policy: options.policy }),
      ...(options.observe === undefined ? {} : { observe: options.observe }),
    });
  }

  get manager(): Manager {
    if (this.#manager === undefined) throw new Error('No manager runs.');
    return this.#manager;
  }

  /** The manager as clients see it. */
  get service(): Manager {
    return patched(this.#options.patches?.service, this.manager);
  }

  get managerLife(): Life {
    return this.#managerLife;
  }

  /** Starts a manager. One that still runs is not told, and is not the one that is reached now. */
  async startManager(): Promise<void> {
    const life = new Life();
    this.#managerLife = life;
    const { patches = {}, manager: options } = this.#options;
    const manager = new Manager({
      link: patched(patches.link, this.#link(life)),
      store: patched(patches.managerStore, this.managerDisk.open(life)),
      clock: patched(patches.managerClock, life.clock(this.managerClock)),
      random: this.random,
      nodeTimeoutMs: 15_000,
      logger: this.#loggerOf(MANAGER),
      // As the command line does: the process ends, whoever watches over it starts another.
      onFatal: () => this.#onManagerEnded(life),
      ...options,
      scheduler: patched(patches.scheduler, options?.scheduler ?? createScheduler('epvm')),
    });
    this.#processes.push(manager);
    this.#manager = manager;
    try {
      await manager.start();
    } catch (error) {
      this.#onManagerEnded(life);
      throw error;
    }
  }

  /** Whether a manager runs or starts. */
  get hasManager(): boolean {
    return this.#manager !== undefined;
  }

  /** Asks the manager from outside, as a client does. */
  async askManager<Reply>(from: string, act: (manager: Manager) => Promise<Reply>): Promise<Reply> {
    return await this.network.request({ from, to: MANAGER }, async () => {
      if (this.#manager === undefined) throw unreachable(MANAGER);
      const { service } = this;
      return await this.#managerLife.serve(() => act(service));
    });
  }

  /** Asks a worker at its own door, as a client does. */
  async askWorker<Reply>(
    from: string,
    name: string,
    act: (worker: Worker) => Promise<Reply>,
  ): Promise<Reply> {
    const machine = this.#machine(name);
    return await this.network.request({ from, to: name }, async () => {
      const { worker, life } = machine;
      if (worker === undefined) throw unreachable(name);
      return await life.serve(() => act(worker));
    });
  }

  /** SIGKILL: nothing it was about to do happens. */
  killManager(): void {
    this.#onManagerEnded(this.#managerLife);
  }

  #onManagerEnded(life: Life): void {
    life.end();
    if (life === this.#managerLife) this.#manager = undefined;
  }

  addMachine(
    name: string,
    more: Partial<Omit<SimulatedMachine, 'name' | 'life' | 'worker'>> = {},
  ): void {
    const disk = new SimulatedDisk({
      clock: this.clock,
      dice: new Dice(this.#seed, `disk of ${name}`),
      onWritten: (transaction) => this.#options.watch?.onWorkerWritten?.(name, transaction),
    });
    this.machines.set(name, {
      identity: { id: this.random.uuid() },
      clock: new MachineClock(this.clock),
      disk,
      store: disk.store,
      capacity: { cpu: 4, memory: 8 * GIB, disk: 100 * GIB },
      labels: {},
      isAnnounced: true,
      ...more,
      name,
      life: new Life(),
      worker: undefined,
    });
  }

  async startWorker(name: string): Promise<void> {
    const machine = this.#machine(name);
    const life = new Life();
    machine.life = life;
    const { patches = {} } = this.#options;
    const clock = patched(patches.workerClock, life.clock(machine.clock));
    const { identity, capacity, labels } = machine;
    const { random, world } = this;
    const runtime = (kind: 'docker' | 'process') => {
      const of = (label: string) =>
        createSimulatedRuntime({ name: kind, worker: label, clock, random, world });
      return patches.runtime?.(of(identity.id), of(strangerOf(identity.id))) ?? of(identity.id);
    };
    const worker = createWorker({
      store: patched(patches.workerStore, machine.disk.open(life)),
      runtimes: [runtime('docker'), runtime('process')],
      identity,
      saveReign: async (reign) => {
        machine.identity = { ...identity, ...reign };
      },
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
      ...(machine.isAnnounced ? { managerLink: this.#managerLink(name, life) } : {}),
      // As the command line does: the process ends; what runs goes on.
      onFatal: () => this.killWorker(name),
      logger: this.#loggerOf(name),
      clock,
      random: this.random,
      ...this.#options.worker,
    });
    machine.worker = worker;
    this.#processes.push(worker);
    try {
      await worker.start();
    } catch (error) {
      if (machine.worker === worker) this.killWorker(name);
      throw error;
    }
  }

  /** SIGKILL of the worker; its tasks run on. */
  killWorker(name: string): void {
    const machine = this.#machine(name);
    this.#options.watch?.onWorkerKilled?.(name);
    machine.life.end();
    machine.worker = undefined;
    this.world.disconnect(machine.identity.id);
  }

  /** No message goes in or out; open streams stall until somebody gives them up. */
  cutOff(name: string): void {
    this.network.cut(MANAGER, name);
    this.network.cut(name, MANAGER);
  }

  reconnect(name: string): void {
    this.network.mend(MANAGER, name);
    this.network.mend(name, MANAGER);
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
    // Nothing comes of it any more, but that they let go of their signals: Node keeps whoever
    // listens to a signal that never aborts, and with that all of this cluster.
    for (const process of this.#processes) void process.stop();
  }

  #machine(name: string): SimulatedMachine {
    const machine = this.machines.get(name);
    if (machine === undefined) throw new Error(`There is no machine ${name}.`);
    return machine;
  }

  /** By which the runtimes of a machine stamp what they do. */
  #clockOf(worker: string): Clock {
    const machine = [...this.machines.values()].find(({ identity }) => identity.id === worker);
    return machine?.clock ?? this.clock;
  }

  #managerLink(name: string, life: Life): ManagerLink {
    return {
      announce: (announcement) =>
        life.call(() => this.askManager(name, (manager) => manager.join(announcement))),
    };
  }

  #link(life: Life): WorkerLink {
    const { network, streams } = this;
    const { watch } = this.#options;
    const findMachine = (name: string): SimulatedMachine => this.#machine(name);
    return createSimulatedLink({ network, streams, findMachine, watch }, life);
  }

  #loggerOf(process: string): Logger {
    return this.#options.logger?.(process) ?? noopLogger;
  }
}
