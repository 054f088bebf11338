import type { Logger } from '../lib/logger.ts';
import { createScheduler } from '../scheduler/create-scheduler.ts';
import { MANAGER, SimulatedCluster } from './cluster/simulated-cluster.ts';
import { Dice } from './dice.ts';
import { Faults } from './faults/faults.ts';
import { LogWatch } from './invariants/log-watch.ts';
import { WorldWatch } from './invariants/world-watch.ts';
import { drawMix, type Mix } from './mix.ts';
import { calm } from './network/simulated-network.ts';
import { Clients } from './workload/clients.ts';
import { drawBehaviour } from './workload/draw-spec.ts';

/** Everything of one simulated run. */
export class Simulation implements AsyncDisposable {
  readonly mix: Mix;
  readonly cluster: SimulatedCluster;
  readonly world = new WorldWatch();
  readonly log = new LogWatch();
  readonly clients: Clients;
  readonly faults: Faults;
  /** What happened, for people: filled only where `isTraced`. */
  readonly trace: string[] = [];
  isTrouble = true;
  readonly #dice: Dice;
  readonly #epochs = new Map<string, number>();
  readonly #staleOrders: string[] = [];
  #followed: unknown;

  constructor(seed: number, isTraced: boolean) {
    this.mix = drawMix(seed);
    const { mix, world, log } = this;
    const dice = new Dice(seed, 'runtime');
    this.#dice = new Dice(seed, 'steps');
    this.cluster = new SimulatedCluster({
      seed,
      policy: (subject) => drawBehaviour(subject, { dice, mix, isTrouble: () => this.isTrouble }),
      observe: (record) => {
        world.observe(record);
        if (isTraced) this.note(`world: ${JSON.stringify(record)}`);
      },
      onOrdersTaken: (worker, epoch) => this.#onOrdersTaken(worker, epoch),
      onWritten: (transaction) => {
        const before = log.events.length;
        log.onWritten(transaction);
        if (isTraced) for (const one of log.events.slice(before)) this.note(JSON.stringify(one));
      },
      manager: {
        scheduler: createScheduler(mix.scheduler),
        nodeTimeoutMs: mix.nodeTimeoutMs,
        retention: { eventCountMax: mix.kept.events, finishedCountMax: mix.kept.finished },
      },
      ...(isTraced ? { logger: (process: string) => this.#logger(process) } : {}),
    });
    const parts = { cluster: this.cluster, world, log, mix };
    this.clients = new Clients({ ...parts, dice: new Dice(seed, 'clients') });
    this.faults = new Faults({ ...parts, dice: new Dice(seed, 'faults') }, (what) =>
      this.note(what),
    );
    for (let number = 1; number <= mix.nodeCount; number += 1) {
      this.cluster.addMachine(`n${number}`);
      for (const { disk } of this.cluster.machines.values()) disk.delayMs = mix.diskDelayMs;
    }
    this.cluster.managerDisk.delayMs = mix.diskDelayMs;
  }

  get violations(): readonly string[] {
    const { world, log, clients } = this;
    return [...world.violations, ...log.violations, ...clients.violations, ...this.#staleOrders];
  }

  note(what: string): void {
    this.trace.push(`${Math.round(this.cluster.clock.monotonic())} ${what}`);
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
        requestAt = now + this.#dice.between(0, 2 * mix.requestEveryMs);
      }
    }
  }

  /** Ends all trouble: from here on everything must come to rest. */
  heal(): void {
    const { cluster } = this;
    this.note('healed');
    this.isTrouble = false;
    this.faults.heal();
    cluster.network.weather = { ...calm, delayMs: 5, timeoutMs: 10_000 };
    cluster.managerDisk.nextFailure = undefined;
    for (const { disk } of cluster.machines.values()) disk.nextFailure = undefined;
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

  /** A worker that has heard of an epoch obeys no earlier one, unless its store was lost. */
  #onOrdersTaken(worker: string, epoch: number): void {
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
      cluster.startManager().catch((error: unknown) => this.note(`no manager: ${String(error)}`));
    }
    for (const { name, worker } of cluster.machines.values()) {
      if (worker !== undefined || !mayStart(name)) continue;
      faults.awayUntil.set(name, now + 1000);
      cluster
        .startWorker(name)
        .catch((error: unknown) => this.note(`no ${name}: ${String(error)}`));
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
    this.clients.follow(manager, ending.signal);
  }

  #logger(process: string): Logger {
    const say = (fields: object, message: string): void => {
      this.note(`${process}: ${message} ${JSON.stringify(fields, errorText)}`);
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
