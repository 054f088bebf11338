import { isCubeError } from '../errors/cube-error.ts';
import type { Logger } from '../lib/logger.ts';
import type { SimulatedPolicy } from '../runtime/simulated/simulated-behaviour.ts';
import type { SimulatedRecord } from '../runtime/simulated/simulated-world.ts';
import { createScheduler } from '../scheduler/create-scheduler.ts';
import type { Transaction } from '../store/store.ts';
import type { ClusterWatch } from './cluster/cluster-watch.ts';
import type { PortPatches } from './cluster/port-patches.ts';
import { SimulatedCluster } from './cluster/simulated-cluster.ts';
import { addStrangers, isStranger, StrangerWatch } from './cluster/strangers.ts';
import { Dice } from './dice.ts';
import { Faults } from './faults/faults.ts';
import { History } from './history.ts';
import { LivenessWatch } from './invariants/liveness-watch.ts';
import { LogWatch } from './invariants/log-watch.ts';
import { PaceWatch } from './invariants/pace-watch.ts';
import { RealityWatch } from './invariants/reality-watch.ts';
import { SecretWatch } from './invariants/secret-watch.ts';
import { StandaloneWatch } from './invariants/standalone-watch.ts';
import { TrafficWatch } from './invariants/traffic-watch.ts';
import { WorldWatch } from './invariants/world-watch.ts';
import { drawMix, type Mix, withoutMishaps } from './mix.ts';
import { calm, MANAGER } from './network/simulated-network.ts';
import { Situations } from './situations.ts';
import { Clients } from './workload/clients.ts';
import { drawBehaviour } from './workload/draw-spec.ts';
import { ListWatcher } from './workload/list-watcher.ts';
import { RefusedRequests } from './workload/refused-requests.ts';
import { StandaloneClients } from './workload/standalone-clients.ts';
import { SteeringClients } from './workload/steering-clients.ts';

/** How a seed is run; nothing of it is needed for a plain run. */
export interface RunOptions {
  /** Keeps the whole history, for people. Default: only its hash. */
  readonly isTraced?: boolean;
  /** Faults to leave out, by their index. */
  readonly skip?: ReadonlySet<number>;
  /** Leaves out what goes wrong without a fault: bad network, slow or failing starts. */
  readonly isCalm?: boolean;
  /** Bugs to plant. */
  readonly patches?: PortPatches;
}

/** Everything of one simulated run. */
export class Simulation implements AsyncDisposable {
  readonly mix: Mix;
  readonly cluster: SimulatedCluster;
  readonly world = new WorldWatch();
  readonly log = new LogWatch();
  readonly traffic: TrafficWatch;
  readonly liveness: LivenessWatch;
  readonly pace: PaceWatch;
  readonly reality: RealityWatch;
  readonly strangers = new StrangerWatch();
  readonly secrets = new SecretWatch();
  readonly listWatcher = new ListWatcher();
  readonly refused: RefusedRequests;
  readonly standalone: StandaloneWatch;
  readonly situations: Situations;
  readonly clients: Clients;
  readonly standaloneClients: StandaloneClients;
  readonly steering: SteeringClients;
  readonly faults: Faults;
  readonly history: History;
  isTrouble = true;
  readonly #dice: Dice;
  readonly #told: Dice;
  readonly #epochs = new Map<string, number>();
  readonly #staleOrders: string[] = [];
  /** Attempts that a machine has on its disk as running. */
  readonly #recorded = new Set<string>();
  #followed: unknown;

  constructor(seed: number, options: RunOptions = {}) {
    const { isTraced = false, isCalm = false, skip = new Set<number>(), patches } = options;
    const drawn = drawMix(seed);
    this.mix = isCalm ? withoutMishaps(drawn) : drawn;
    const { mix, world, log } = this;
    const now = (): number => this.cluster.clock.monotonic();
    this.history = new History(isTraced, now);
    this.traffic = new TrafficWatch(now);
    this.liveness = new LivenessWatch(now, mix.nodeTimeoutMs);
    this.pace = new PaceWatch(now);
    this.reality = new RealityWatch({
      findTask: (id) => log.tasks.get(id),
      mayForget: mix.faults.includes('worker-disk-lost'),
    });
    this.situations = new Situations(log);
    this.#dice = new Dice(seed, 'steps');
    this.#told = new Dice(seed, 'told');
    this.cluster = new SimulatedCluster({
      seed,
      policy: this.#policy(seed),
      worker: mix.worker,
      deliver: (tell) => this.#deliver(tell),
      observe: (record) => this.#onWorld(record),
      watch: this.#watch(),
      onWritten: (transaction) => this.#onWritten(transaction),
      manager: {
        scheduler: createScheduler(mix.scheduler),
        nodeTimeoutMs: mix.nodeTimeoutMs,
        retention: { eventCountMax: mix.kept.events, finishedCountMax: mix.kept.finished },
      },
      logger: (process) => this.#logger(process),
      ...(patches === undefined ? {} : { patches }),
    });
    this.cluster.network.onRequest = (route) => {
      this.history.digestOnly(`${route.from} asks ${route.to}`);
      this.traffic.onRequest(route);
    };
    this.cluster.network.onMishap = (mishap) => {
      this.situations.count(
        mishap === 'replies-cut'
          ? 'a request was handled, and its reply broke off'
          : 'a request was taken and never answered',
      );
    };
    const parts = { cluster: this.cluster, world, log, mix, situations: this.situations };
    this.clients = new Clients({ ...parts, dice: new Dice(seed, 'clients') });
    this.steering = new SteeringClients({ ...parts, dice: new Dice(seed, 'steering') });
    this.refused = new RefusedRequests({ ...parts, dice: new Dice(seed, 'refused') }, (words) =>
      this.secrets.check('a refusal', words),
    );
    this.standalone = new StandaloneWatch(this.cluster, {
      mayForget: mix.faults.includes('worker-disk-lost'),
      onRestart: () =>
        this.situations.count('a task that was given to a worker directly was started again'),
    });
    this.standaloneClients = new StandaloneClients({
      cluster: this.cluster,
      watch: this.standalone,
      world,
      mix,
      dice: new Dice(seed, 'standalone'),
    });
    this.faults = new Faults({ ...parts, seed, skip }, (what) => this.history.record(what));
    this.#setUpMachines(seed);
  }

  get violations(): readonly string[] {
    const { world, log, clients, traffic, liveness, pace } = this;
    const { reality, secrets, listWatcher, refused } = this;
    const watches = [world, log, clients, traffic, liveness, pace, reality, secrets];
    const all = [
      ...watches,
      listWatcher,
      refused,
      this.strangers,
      this.standalone,
      this.standaloneClients,
      this.steering,
    ];
    return [...all.flatMap(({ violations }) => violations), ...this.#staleOrders];
  }

  /** Faults and requests, until the time of trouble is over or something is wrong. */
  async makeTrouble(): Promise<void> {
    const { cluster, mix } = this;
    cluster.network.weather = mix.weather;
    const end = cluster.clock.monotonic() + mix.troubleMs;
    let faultAt = mix.faultEveryMs;
    let requestAt = 0;
    while (cluster.clock.monotonic() < end && this.violations.length === 0) {
      this.#supervise();
      await cluster.clock.advance(this.#dice.skewed(1000));
      const now = cluster.clock.monotonic();
      if (now >= faultAt) {
        this.faults.strike();
        faultAt = now + this.#dice.between(0, 2 * mix.faultEveryMs);
      }
      if (now >= requestAt) {
        this.clients.request();
        this.refused.request();
        this.steering.request();
        if (mix.hasStandalone) this.standaloneClients.request();
        requestAt = now + this.#dice.between(0, 2 * mix.requestEveryMs);
      }
    }
  }

  /** Ends all trouble: from here on everything must come to rest. */
  heal(): void {
    const { cluster } = this;
    this.history.record('healed');
    this.isTrouble = false;
    this.faults.heal();
    cluster.network.weather = { ...calm, delayMs: 5, timeoutMs: 10_000 };
    cluster.managerDisk.nextFailure = undefined;
    for (const { disk } of cluster.machines.values()) disk.nextFailure = undefined;
    this.steering.endAll();
  }

  /** Lets time pass, and starts again what has died. */
  async advance(ms: number): Promise<void> {
    const end = this.cluster.clock.monotonic() + ms;
    while (this.cluster.clock.monotonic() < end) {
      this.#supervise();
      await this.cluster.clock.advance(1000);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cluster[Symbol.asyncDispose]();
  }

  #setUpMachines(seed: number): void {
    const { mix, cluster } = this;
    const dice = new Dice(seed, 'machines');
    const { clockSkewMs } = mix;
    for (let number = 1; number <= mix.nodeCount; number += 1) cluster.addMachine(`n${number}`);
    for (const { disk, clock, identity } of cluster.machines.values()) {
      addStrangers(cluster.world, identity.id);
      disk.delayMs = mix.diskDelayMs;
      disk.readDelayMs = mix.readDelayMs;
      clock.stepWall(dice.between(-clockSkewMs, clockSkewMs));
    }
    cluster.managerDisk.delayMs = mix.diskDelayMs;
    cluster.managerDisk.readDelayMs = mix.readDelayMs;
    cluster.managerClock.stepWall(dice.between(-clockSkewMs, clockSkewMs));
  }

  #policy(seed: number): SimulatedPolicy {
    const dice = new Dice(seed, 'runtime');
    const context = { dice, mix: this.mix, isTrouble: () => this.isTrouble };
    return (subject) => {
      if (isStranger(subject)) return {};
      const behaviour = drawBehaviour(subject, context);
      if (behaviour.startReplyLost === true) {
        this.situations.count('a start succeeded and was told as failed');
      }
      return behaviour;
    };
  }

  /** Tells a worker what its runtime saw: late, and perhaps again, while there is trouble. */
  #deliver(tell: () => void): void {
    const { told } = this.mix;
    const isPlain = told.lateMs === 0 || !this.isTrouble;
    if (isPlain) tell();
    else this.cluster.clock.setTimer(this.#told.skewed(told.lateMs), tell);
    if (isPlain || !this.#told.chance(told.twice)) return;
    this.cluster.clock.setTimer(this.#told.skewed(told.lateMs), tell);
  }

  #onWorld(record: SimulatedRecord): void {
    if (isStranger(record)) {
      this.strangers.onWorld(record);
      return;
    }
    this.world.observe(record);
    this.situations.onWorld(record);
    this.pace.onWorld(record);
    this.reality.onWorld(record);
    this.standalone.onWorld(record);
    this.history.record(`world: ${JSON.stringify(record)}`);
    this.faults.onWorld(record);
  }

  #onWritten(transaction: Transaction): void {
    const before = this.log.events.length;
    this.log.onWritten(transaction);
    for (const event of this.log.events.slice(before)) {
      this.situations.onEvent(event);
      this.pace.onEvent(event);
      this.reality.onEvent(event);
      this.refused.onEvent(event);
      this.standalone.onEvent(event);
      // Two managers at once do not hear the same.
      if (!this.mix.faults.includes('manager-usurped')) this.liveness.onEvent(event);
      const json = JSON.stringify(event);
      this.secrets.onEvent(event, json);
      this.history.record(json);
    }
  }

  #watch(): ClusterWatch {
    const { situations, liveness } = this;
    return {
      onOrders: (worker, orders, error) => {
        if (isCubeError(error, 'stale-epoch')) {
          situations.count('orders of an earlier reign were refused');
        }
        if (error !== undefined) return;
        situations.onOrders(worker, orders);
        this.#checkEpoch(worker, orders.epoch);
      },
      onReport: (worker, item) => {
        situations.onReport(item);
        liveness.onReport(worker);
      },
      onStreamFate: (fate) =>
        situations.count(
          fate === 'stalled'
            ? 'a stream stalled without closing'
            : 'a stream ended before what was sent on it',
        ),
      onTornWrite: (isMade) =>
        situations.count(
          isMade
            ? 'a manager died, and what it was writing was written'
            : 'a manager died, and what it was writing was not written',
        ),
      onWorkerWritten: (worker, transaction) => this.#onWorkerWritten(worker, transaction),
      onWorkerKilled: (worker) => this.#onWorkerKilled(worker),
    };
  }

  #onWorkerWritten(worker: string, { put = [] }: Transaction): void {
    for (const { collection, key, value } of put) {
      if (collection !== 'attempts') continue;
      if (JSON.stringify(value).includes('"runtimeId"')) this.#recorded.add(`${worker} ${key}`);
    }
  }

  #onWorkerKilled(name: string): void {
    const id = this.cluster.machines.get(name)?.identity.id;
    const isUnrecorded = this.world
      .running()
      .some(
        ({ worker, taskId, attempt }) =>
          worker === id && !this.#recorded.has(`${name} ${taskId}/${attempt}`),
      );
    if (isUnrecorded) {
      this.situations.count('a worker died between a start and the record of it');
    }
  }

  /** A worker that has heard of an epoch obeys no earlier one, unless its store was lost. */
  #checkEpoch(worker: string, epoch: number): void {
    const newest = this.#epochs.get(worker) ?? 0;
    this.#epochs.set(worker, Math.max(newest, epoch));
    if (epoch >= newest || this.mix.faults.includes('worker-disk-lost')) return;
    this.#staleOrders.push(`[epoch-monotone] ${worker} obeyed epoch ${epoch} after ${newest}`);
  }

  /** Starts whatever is not there, as systemd would. */
  #supervise(): void {
    const { cluster, faults } = this;
    const now = cluster.clock.monotonic();
    const mayStart = (name: string): boolean => (faults.awayUntil.get(name) ?? 0) <= now;
    if (!cluster.hasManager && mayStart(MANAGER)) {
      faults.awayUntil.set(MANAGER, now + 1000);
      cluster
        .startManager()
        .catch((error: unknown) => this.history.say(`no manager: ${String(error)}`));
    }
    for (const { name, worker } of cluster.machines.values()) {
      if (worker !== undefined || !mayStart(name)) continue;
      faults.awayUntil.set(name, now + 1000);
      cluster
        .startWorker(name)
        .catch((error: unknown) => this.history.say(`no ${name}: ${String(error)}`));
    }
    this.#followAlong();
  }

  #followAlong(): void {
    const { cluster } = this;
    if (!cluster.hasManager || this.#followed === cluster.manager) return;
    const { manager, managerLife } = cluster;
    try {
      manager.status();
    } catch {
      // It has not started yet.
      return;
    }
    this.#followed = manager;
    const ending = new AbortController();
    managerLife.onEnd(() => ending.abort());
    this.clients.follow(cluster.service, ending.signal);
    this.listWatcher.watch(cluster.service, ending.signal).catch((error: unknown) => {
      this.history.say(`the list watcher gave up: ${String(error)}`);
    });
  }

  #logger(process: string): Logger {
    const say = (fields: object, message: string): void => {
      const line = `${process}: ${message} ${JSON.stringify(fields, errorText)}`;
      this.secrets.check('a line of a log', line);
      this.history.say(line);
    };
    const logger: Logger = {
      debug: say,
      info: say,
      warn: say,
      error: say,
      child: () => logger,
    };
    return logger;
  }
}

function errorText(_key: string, value: unknown): unknown {
  return value instanceof Error ? value.message : value;
}
