import { assert } from '../lib/assert.ts';
import type { Node } from '../node/node.ts';
import type { PublishedPort } from '../task/port.ts';
import { isPlaced, type Task } from '../task/task.ts';
import { requestMilliCores } from './milli-cores.ts';
import { heldPorts, requestedPorts } from './port-keys.ts';
import type { ClusterSnapshot, NodeSnapshot } from './scheduler.ts';

/** What one placed task takes on its node. */
interface Reservation {
  readonly node: string;
  readonly milliCores: number;
  readonly memory: number;
  readonly disk: number;
  readonly isWithoutCpu: boolean;
  readonly isWithoutMemory: boolean;
  readonly ports: readonly string[];
  /**
   * The ports as the status had them. Specs never change and a status keeps what is not patched,
   * so that two reservations of one task differ only in these and in the node.
   */
  readonly published: readonly PublishedPort[] | undefined;
}

/** The sums for one node. Whole numbers only, so that what is taken away leaves what was there. */
export interface Account {
  milliCores: number;
  memory: number;
  disk: number;
  taskCount: number;
  withoutCpu: number;
  withoutMemory: number;
  /** How many reservations hold each port: two may, for as long as a mistake is being settled. */
  readonly portHolders: Map<string, number>;
  /** The ports as the latest snapshot shows them; undefined when they have changed since. */
  ports: ReadonlySet<string> | undefined;
}

/** Told of each change as it is made, by the name of the node. */
export interface LedgerWatcher {
  /** The node has come, or gone. */
  onNodeSet(): void;
  /** What is known of the node has changed. */
  onNode(node: string): void;
  /** What is promised on the node has changed. */
  onPromised(node: string): void;
}

/**
 * What is promised on each node, kept up to date one change at a time, so that a snapshot for the
 * scheduler never adds up all tasks. It always equals what `createSnapshot` computes from scratch.
 *
 * Nodes and tasks may be told in any order; a reservation on a node that is not known counts from
 * the moment that node is. Every method may be repeated and then changes nothing.
 */
export class Ledger {
  readonly #nodes = new Map<string, Node>();
  readonly #reservations = new Map<string, Reservation>();
  readonly #accounts = new Map<string, Account>();
  /** The nodes of the latest snapshot, and where each is in it. Never changed, only replaced. */
  #latest: readonly NodeSnapshot[] = [];
  readonly #places = new Map<string, number>();
  /** Whether nodes have come or gone since then, and which have changed. */
  #isSetChanged = false;
  readonly #changed = new Set<string>();
  /** The nodes on which each port is held. */
  readonly #holders = new Map<string, Set<string>>();
  readonly #watcher: LedgerWatcher | undefined;

  constructor(watcher?: LedgerWatcher) {
    this.#watcher = watcher;
  }

  /** A node is there, or what is known of it has changed. */
  upsertNode(node: Node): void {
    const isNew = !this.#nodes.has(node.name);
    if (isNew) this.#isSetChanged = true;
    this.#nodes.set(node.name, node);
    this.#changed.add(node.name);
    if (isNew) this.#watcher?.onNodeSet();
    else this.#watcher?.onNode(node.name);
  }

  /** A node is no longer part of the cluster. What was reserved on it stays reserved. */
  removeNode(name: string): void {
    if (!this.#nodes.delete(name)) return;
    this.#isSetChanged = true;
    this.#changed.delete(name);
    this.#watcher?.onNodeSet();
  }

  /** Every node, in the order of their names. */
  nodes(): readonly Node[] {
    return [...this.#nodes.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  findNode(name: string): Node | undefined {
    return this.#nodes.get(name);
  }

  /** What is promised on the node now: not a copy, so only to be looked at. */
  promisedOn(node: string): Readonly<Account> {
    return this.#accounts.get(node) ?? nothingPromised;
  }

  /** The names of the nodes on which a task holds the port; some may not be known (any more). */
  holdersOf(port: string): ReadonlySet<string> {
    return this.#holders.get(port) ?? noHolders;
  }

  /** One node as a snapshot would show it. */
  showNode(node: Node): NodeSnapshot {
    return this.#show(node);
  }

  /** Brings the ledger in line with a task: reserved while an attempt is placed, else released. */
  update(task: Task): void {
    if (isPlaced(task)) this.reserve(task);
    else this.release(task);
  }

  /**
   * Counts a placed task on the node of its current attempt, in place of what was reserved for it
   * before: an earlier attempt elsewhere, or the same one before it was given its ports.
   *
   * @throws Error when the task is not placed.
   */
  reserve(task: Task): void {
    const { node, ports } = task.status;
    assert(node !== undefined && isPlaced(task), `task ${task.id} is placed on a node`);
    const earlier = this.#reservations.get(task.id);
    if (earlier !== undefined) {
      if (earlier.node === node && earlier.published === ports) return;
      this.release(task);
    }
    this.#enter(task, toReservation(task, { node, published: ports, ports: heldPorts(task) }));
  }

  /** Counts the next attempt of a task on a node, before it is placed there. */
  promise(task: Task, node: string): void {
    this.release(task);
    const ports = requestedPorts(task.spec);
    this.#enter(task, toReservation(task, { node, published: undefined, ports }));
  }

  /** Nothing is reserved for the task any more. */
  release(task: Pick<Task, 'id'>): void {
    const reservation = this.#reservations.get(task.id);
    if (reservation === undefined) return;
    this.#reservations.delete(task.id);
    this.#book(reservation, -1);
  }

  /**
   * The cluster as a policy sees it. A snapshot never changes afterwards. Costs one copy of the
   * list of nodes, and a little for each node that has changed since the last one.
   */
  snapshot(lastNode?: string): ClusterSnapshot {
    if (this.#isSetChanged) this.#rebuild();
    else if (this.#changed.size > 0) this.#replaceChanged();
    return { nodes: this.#latest, lastNode };
  }

  #rebuild(): void {
    const old = this.#latest;
    const nodes = this.nodes();
    this.#latest = nodes.map((node) => {
      const place = this.#places.get(node.name);
      const known = place === undefined ? undefined : old[place];
      return known !== undefined && !this.#changed.has(node.name) ? known : this.#show(node);
    });
    this.#places.clear();
    for (const [place, { name }] of nodes.entries()) this.#places.set(name, place);
    this.#isSetChanged = false;
    this.#changed.clear();
  }

  #replaceChanged(): void {
    const latest = [...this.#latest];
    for (const name of this.#changed) {
      const node = this.#nodes.get(name);
      const place = this.#places.get(name);
      if (node !== undefined && place !== undefined) latest[place] = this.#show(node);
    }
    this.#latest = latest;
    this.#changed.clear();
  }

  #show(node: Node): NodeSnapshot {
    const account = this.#accounts.get(node.name) ?? emptyAccount();
    account.ports ??= new Set(account.portHolders.keys());
    return Object.freeze({
      node,
      committed: Object.freeze({
        cpu: account.milliCores / 1000,
        memory: account.memory,
        disk: account.disk,
      }),
      taskCount: account.taskCount,
      withoutRequest: Object.freeze({ cpu: account.withoutCpu, memory: account.withoutMemory }),
      ports: account.ports,
    });
  }

  #book(reservation: Reservation, sign: 1 | -1): void {
    let account = this.#accounts.get(reservation.node);
    if (account === undefined) {
      account = emptyAccount();
      this.#accounts.set(reservation.node, account);
    }
    account.milliCores += sign * reservation.milliCores;
    account.memory += sign * reservation.memory;
    account.disk += sign * reservation.disk;
    account.taskCount += sign;
    if (reservation.isWithoutCpu) account.withoutCpu += sign;
    if (reservation.isWithoutMemory) account.withoutMemory += sign;
    for (const port of reservation.ports) {
      const holders = (account.portHolders.get(port) ?? 0) + sign;
      if (holders > 0) account.portHolders.set(port, holders);
      else account.portHolders.delete(port);
      account.ports = undefined;
      this.#noteHolder(port, reservation.node, holders > 0);
    }
    assert(account.taskCount >= 0, `node ${reservation.node} has no less than no tasks`);
    if (account.taskCount === 0) this.#accounts.delete(reservation.node);
    if (!this.#nodes.has(reservation.node)) return;
    this.#changed.add(reservation.node);
    this.#watcher?.onPromised(reservation.node);
  }

  #enter(task: Task, reservation: Reservation): void {
    this.#reservations.set(task.id, reservation);
    this.#book(reservation, 1);
  }

  #noteHolder(port: string, node: string, isHeld: boolean): void {
    const holders = this.#holders.get(port) ?? new Set();
    if (isHeld) this.#holders.set(port, holders.add(node));
    else if (holders.delete(node) && holders.size === 0) this.#holders.delete(port);
  }
}

/**
 * The snapshot of a state as it was or is, computed from scratch: for replaying a decision from
 * the log. `lastNode` is the node of the latest placement until then.
 */
export function createSnapshot(state: {
  readonly nodes: Iterable<Node>;
  readonly tasks: Iterable<Task>;
  readonly lastNode: string | undefined;
}): ClusterSnapshot {
  const ledger = new Ledger();
  for (const node of state.nodes) ledger.upsertNode(node);
  for (const task of state.tasks) ledger.update(task);
  return ledger.snapshot(state.lastNode);
}

const noHolders: ReadonlySet<string> = new Set();
const nothingPromised: Readonly<Account> = Object.freeze(emptyAccount());

function emptyAccount(): Account {
  return {
    milliCores: 0,
    memory: 0,
    disk: 0,
    taskCount: 0,
    withoutCpu: 0,
    withoutMemory: 0,
    portHolders: new Map(),
    ports: undefined,
  };
}

function toReservation(
  { spec }: Task,
  place: Pick<Reservation, 'node' | 'published' | 'ports'>,
): Reservation {
  const { cpu, memory, disk } = spec;
  return {
    ...place,
    milliCores: cpu === undefined ? 0 : requestMilliCores(cpu),
    memory: memory ?? 0,
    disk: disk ?? 0,
    isWithoutCpu: cpu === undefined,
    isWithoutMemory: memory === undefined,
  };
}
