import {
  MANAGER,
  type SimulatedCluster,
  type SimulatedMachine,
} from '../cluster/simulated-cluster.ts';
import type { Dice } from '../dice.ts';
import type { WorldWatch } from '../invariants/world-watch.ts';
import type { Mix } from '../mix.ts';
import type { FaultKind } from './fault-kinds.ts';

export interface FaultsOptions {
  readonly cluster: SimulatedCluster;
  readonly world: WorldWatch;
  readonly mix: Mix;
  readonly dice: Dice;
}

/** Does harm, and undoes it after a while. What is killed is left for a supervisor to start. */
export class Faults {
  readonly counts = new Map<FaultKind, number>();
  /** Processes that must stay away until then, by name, in monotonic milliseconds. */
  readonly awayUntil = new Map<string, number>();
  readonly #options: FaultsOptions;
  readonly #undo = new Set<() => void>();
  readonly #note: (what: string) => void;

  constructor(options: FaultsOptions, note: (what: string) => void) {
    this.#options = options;
    this.#note = note;
  }

  strike(): void {
    const { dice, mix } = this.#options;
    if (mix.faults.length === 0) return;
    const kind = dice.pick(mix.faults);
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
    this.#note(`fault: ${kind}`);
    if (kind.startsWith('manager')) this.#strikeManager(kind);
    else this.#strikeMachine(kind, dice.pick([...this.#options.cluster.machines.values()]));
  }

  /** Undoes all that is still broken. */
  heal(): void {
    for (const undo of [...this.#undo]) undo();
    this.awayUntil.clear();
  }

  #strikeManager(kind: FaultKind): void {
    const { cluster, dice } = this.#options;
    const { managerDisk, managerLife } = cluster;
    if (kind === 'manager-killed') {
      cluster.killManager();
      this.#stayAway(MANAGER);
    } else if (kind === 'manager-paused') {
      managerLife.pause();
      this.#later(() => managerLife.resume());
    } else if (kind === 'manager-usurped') {
      // The one before is not told, and is gone in the end.
      cluster.startManager().catch(() => undefined);
      this.#later(() => {
        if (managerLife !== cluster.managerLife) managerLife.end();
      });
    } else if (kind === 'manager-disk-full') {
      managerDisk.isFull = true;
      this.#later(() => {
        managerDisk.isFull = false;
      });
    } else {
      managerDisk.nextFailure = dice.pick(['made', 'not-made']);
    }
  }

  #strikeMachine(kind: FaultKind, machine: SimulatedMachine): void {
    const { cluster, dice } = this.#options;
    const { name, disk, identity } = machine;
    switch (kind) {
      case 'worker-killed':
      case 'worker-disk-lost':
      case 'machine-rebooted':
        this.#killWorker(kind, machine);
        break;
      case 'worker-paused': {
        const { life } = machine;
        life.pause();
        this.#later(() => life.resume());
        break;
      }
      case 'worker-disk-full':
        disk.isFull = true;
        this.#later(() => {
          disk.isFull = false;
        });
        break;
      case 'worker-disk-fails':
        disk.nextFailure = dice.pick(['made', 'not-made']);
        break;
      case 'cut-off':
        cluster.cutOff(name);
        this.#later(() => cluster.reconnect(name));
        break;
      case 'cut-one-way': {
        const [from, to] = dice.chance(0.5) ? [name, MANAGER] : [MANAGER, name];
        cluster.network.cut(from, to);
        this.#later(() => cluster.network.mend(from, to));
        break;
      }
      case 'runtime-away':
        cluster.world.setOutage(identity.id, 'It is away.');
        this.#later(() => cluster.world.setOutage(identity.id));
        break;
      case 'events-lost':
        cluster.world.loseEvents(identity.id, true);
        this.#later(() => cluster.world.loseEvents(identity.id, false));
        break;
      case 'wall-clock-stepped':
        cluster.clock.stepWall(dice.pick([-86_400_000, -1000, 1000, 3_600_000]));
        break;
      case 'everything-asleep':
        cluster.clock.jump(dice.between(1000, 120_000));
        break;
      default:
        this.#meddle(kind);
    }
  }

  #killWorker(kind: FaultKind, machine: SimulatedMachine): void {
    const { cluster } = this.#options;
    const { name, identity, store } = machine;
    cluster.killWorker(name);
    this.#stayAway(name);
    if (kind === 'machine-rebooted') cluster.world.reboot(identity.id);
    if (kind !== 'worker-disk-lost') return;
    for (const collection of ['attempts', 'meta']) {
      store
        .list(collection)
        .then((records) =>
          store.transact({ remove: records.map(({ key }) => ({ collection, key })) }),
        )
        .catch(() => undefined);
    }
  }

  #meddle(kind: FaultKind): void {
    const { cluster, world, dice } = this.#options;
    const running = world.running();
    if (running.length === 0) return;
    const target = dice.pick(running);
    if (kind === 'instance-killed') cluster.world.kill(target);
    else cluster.world.removeBehindBack(target);
  }

  #stayAway(name: string): void {
    const { cluster, dice } = this.#options;
    this.awayUntil.set(name, cluster.clock.monotonic() + dice.skewed(40_000));
  }

  #later(undo: () => void): void {
    const { cluster, dice, mix } = this.#options;
    const once = (): void => {
      if (this.#undo.delete(once)) undo();
    };
    this.#undo.add(once);
    cluster.clock.setTimer(dice.skewed(4 * mix.nodeTimeoutMs) + dice.between(0, 3000), once);
  }
}
