import type { SimulatedRecord } from '../../runtime/simulated/simulated-world.ts';
import type { MachineClock } from '../cluster/machine-clock.ts';
import type { SimulatedCluster, SimulatedMachine } from '../cluster/simulated-cluster.ts';
import { Dice } from '../dice.ts';
import type { SimulatedDisk } from '../disk/simulated-disk.ts';
import type { WorldWatch } from '../invariants/world-watch.ts';
import type { Mix } from '../mix.ts';
import { CLIENT, MANAGER, type Mishap } from '../network/simulated-network.ts';
import type { Situations } from '../situations.ts';
import type { FaultKind } from './fault-kinds.ts';

export interface FaultsOptions {
  readonly cluster: SimulatedCluster;
  readonly world: WorldWatch;
  readonly mix: Mix;
  readonly situations: Situations;
  readonly seed: number;
  /** Faults that are left out, by their index. The others stay as they are. */
  readonly skip: ReadonlySet<number>;
}

/** A fault that struck, or would have. */
export interface Fault {
  readonly index: number;
  readonly kind: FaultKind;
  /** Virtual time, in milliseconds. */
  readonly atMs: number;
  /** The machine; the fault may also hit the manager, or something that runs anywhere. */
  readonly machine: string;
}

/** Does harm, and undoes it after a while. What is killed is left for a supervisor to start. */
export class Faults {
  readonly counts = new Map<FaultKind, number>();
  /** Processes that must stay away until then, by name, in monotonic milliseconds. */
  readonly awayUntil = new Map<string, number>();
  readonly #options: FaultsOptions;
  /** Deaths of workers, by identity, just after they have started something. */
  readonly #onNextStart = new Map<string, () => void>();
  readonly #undo = new Set<() => void>();
  readonly #note: (what: string) => void;
  /** In the order in which they came, the ones left out too. */
  readonly list: Fault[] = [];
  /** Of the present fault: each has its own, so that leaving one out changes no other. */
  #dice: Dice;

  constructor(options: FaultsOptions, note: (what: string) => void) {
    this.#options = options;
    this.#note = note;
    this.#dice = new Dice(options.seed, 'faults');
  }

  strike(): void {
    const { mix, seed, skip, cluster } = this.#options;
    if (mix.faults.length === 0) return;
    const index = this.list.length;
    const dice = new Dice(seed, `fault ${index}`);
    this.#dice = dice;
    const kind = dice.pick(mix.faults);
    const machine = dice.pick([...cluster.machines.values()]);
    this.list.push({ index, kind, atMs: cluster.clock.monotonic(), machine: machine.name });
    if (skip.has(index)) return;
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
    this.#note(`fault ${index}: ${kind}${isOfManager(kind) ? '' : ` on ${machine.name}`}`);
    if (isOfManager(kind)) this.#strikeManager(kind);
    else this.#strikeMachine(kind, machine);
  }

  /** What truly happens: some deaths wait for it. */
  onWorld({ type, worker }: SimulatedRecord): void {
    const strike = this.#onNextStart.get(worker);
    if (type !== 'started' || strike === undefined) return;
    this.#onNextStart.delete(worker);
    strike();
  }

  /** Undoes all that is still broken. */
  heal(): void {
    for (const undo of [...this.#undo]) undo();
    this.awayUntil.clear();
    this.#onNextStart.clear();
  }

  #strikeManager(kind: FaultKind): void {
    const dice = this.#dice;
    const { cluster } = this.#options;
    const { situations } = this.#options;
    const { managerDisk, managerLife } = cluster;
    if (kind === 'manager-killed') {
      this.#nowOrWhileWriting(managerDisk, () => {
        if (managerLife.isOver) return;
        cluster.killManager();
        this.#stayAway(MANAGER, dice);
      });
    } else if (kind === 'manager-paused') {
      managerLife.pause();
      this.#later(() => managerLife.resume());
    } else if (kind === 'manager-usurped') {
      // The one before is not told, and is gone in the end.
      if (cluster.hasManager) situations.count('a manager started while another still ran');
      cluster.startManager().catch(() => undefined);
      this.#later(() => {
        if (managerLife !== cluster.managerLife) managerLife.end();
      });
    } else if (kind === 'manager-disk-full') {
      managerDisk.isFull = true;
      this.#later(() => {
        managerDisk.isFull = false;
      });
    } else if (kind === 'manager-clock-stepped') {
      this.#stepClock(cluster.managerClock);
    } else {
      managerDisk.nextFailure = dice.pick(['made', 'not-made']);
    }
  }

  #strikeMachine(kind: FaultKind, machine: SimulatedMachine): void {
    const dice = this.#dice;
    const { cluster } = this.#options;
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
      case 'worker-clock-stepped':
        this.#stepClock(machine.clock);
        break;
      case 'replies-cut':
      case 'half-open':
        this.#spoil(kind, name);
        break;
      case 'streams-stalled':
        cluster.streams.stall(name);
        break;
      case 'streams-torn':
        cluster.streams.tear(name);
        break;
      case 'everything-asleep':
        cluster.clock.jump(dice.between(1000, 120_000));
        break;
      default:
        this.#meddle(kind);
    }
  }

  /** Steps from a second to a year, forwards or back: one, or some as by rival time servers. */
  #stepClock(clock: MachineClock): void {
    const dice = this.#dice;
    for (let count = dice.between(1, 5); count > 0; count -= 1) {
      const ms = dice.pick([1000, 60_000, 3_600_000, 86_400_000, 365 * 86_400_000]);
      const step = dice.chance(0.5) ? ms : -ms;
      clock.setTimer(dice.between(0, 10_000), () => clock.stepWall(step));
    }
  }

  /** What goes between the manager and a machine, or its clients, goes wrong in this way. */
  #spoil(mishap: Mishap, name: string): void {
    const { network } = this.#options.cluster;
    const from = this.#dice.pick([MANAGER, name, CLIENT]);
    const to = from === MANAGER ? name : MANAGER;
    network.spoil({ from, to }, mishap);
    this.#later(() => network.unspoil({ from, to }));
  }

  #killWorker(kind: FaultKind, machine: SimulatedMachine): void {
    const { cluster } = this.#options;
    const dice = this.#dice;
    const { name, identity, store } = machine;
    if (kind === 'worker-killed') {
      const { life } = machine;
      const strike = (): void => {
        if (life.isOver) return;
        cluster.killWorker(name);
        this.#stayAway(name, dice);
      };
      if (dice.chance(0.3)) this.#onNextStart.set(identity.id, strike);
      else this.#nowOrWhileWriting(machine.disk, strike);
      return;
    }
    cluster.killWorker(name);
    this.#stayAway(name, dice);
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
    const dice = this.#dice;
    const { cluster, world } = this.#options;
    const running = world.running();
    if (running.length === 0) return;
    const target = dice.pick(running);
    if (kind === 'instance-killed') cluster.world.kill(target);
    else cluster.world.removeBehindBack(target);
  }

  /** Half of the deaths come just when something is being written. */
  #nowOrWhileWriting(disk: SimulatedDisk, strike: () => void): void {
    if (this.#dice.chance(0.5)) {
      strike();
      return;
    }
    disk.onNextWrite = strike;
    this.#later(() => {
      if (disk.onNextWrite === strike) disk.onNextWrite = undefined;
    });
  }

  #stayAway(name: string, dice: Dice): void {
    const { cluster } = this.#options;
    this.awayUntil.set(name, cluster.clock.monotonic() + dice.skewed(40_000));
  }

  #later(undo: () => void): void {
    const dice = this.#dice;
    const { cluster, mix } = this.#options;
    const once = (): void => {
      if (this.#undo.delete(once)) undo();
    };
    this.#undo.add(once);
    cluster.clock.setTimer(dice.skewed(4 * mix.nodeTimeoutMs) + dice.between(0, 3000), once);
  }
}

function isOfManager(kind: FaultKind): boolean {
  return kind.startsWith('manager');
}
