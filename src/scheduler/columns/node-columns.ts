import type { Node, Resources } from '../../node/node.ts';
import { Ledger, type LedgerWatcher } from '../ledger.ts';
import { capacityMilliCores } from '../milli-cores.ts';
import { defaultRequest, fractionInUse } from '../utilisation.ts';
import { ChangeLog } from './change-log.ts';
import { LeastOfAll } from './least-of-all.ts';
import { NodeSizes } from './node-sizes.ts';
import { BLOCK_BITS, blockCount, isEvenIn, leastOf, MIXED } from './row-blocks.ts';

const noColumn: Float64Array = new Float64Array(0);

/**
 * The ledger as columns of numbers, one row for each node in the order of names: what a decision
 * reads of every node lies side by side in memory, and is brought up to date for the nodes that
 * have changed, and for no other. A row says the same as its node's snapshot.
 *
 * Rows are stable until `layout` grows. What is computed from them keeps its own position in the
 * logs of changes and goes on from there.
 */
export class NodeColumns implements LedgerWatcher {
  readonly ledger: Ledger = new Ledger(this);
  layout = 0;
  /** Rows that have changed in any way. */
  changes: ChangeLog = new ChangeLog(0);
  /** Rows whose node itself has changed, and not only what is promised on it. */
  nodeChanges: ChangeLog = new ChangeLog(0);
  /** How many nodes are up. */
  upCount = 0;
  /** What may still be promised: milli-cores and bytes. Infinite where it is not known. */
  freeCpu: Float64Array = noColumn;
  freeMemory: Float64Array = noColumn;
  freeDisk: Float64Array = noColumn;
  /** How full a node is, as `usedFraction` says. */
  usedCpu: Float64Array = noColumn;
  usedMemory: Float64Array = noColumn;
  usedDisk: Float64Array = noColumn;
  /** The capacity of a node, as its place in `sizes`. */
  sizeOf: Int32Array = new Int32Array(0);
  /** Of each block: the least of those columns, and the one size of its nodes or `MIXED`. */
  leastCpu: Float64Array = noColumn;
  leastMemory: Float64Array = noColumn;
  leastDisk: Float64Array = noColumn;
  leastUsedCpu: Float64Array = noColumn;
  leastUsedMemory: Float64Array = noColumn;
  sizeIn: Int32Array = new Int32Array(0);
  /** Of each block: 1 where all its nodes are of one size and equally full. */
  isEven: Uint8Array = new Uint8Array(0);
  readonly #leastCpuOfAll = new LeastOfAll();
  readonly #leastMemoryOfAll = new LeastOfAll();
  readonly #leastDiskOfAll = new LeastOfAll();
  #nodes: Node[] = [];
  readonly #sizes = new NodeSizes();
  readonly #rows = new Map<string, number>();
  #isSetChanged = false;
  readonly #changedNodes = new Set<string>();
  readonly #changed = new Set<string>();

  get rowCount(): number {
    return this.#nodes.length;
  }

  get sizes(): readonly Resources[] {
    return this.#sizes.list;
  }

  onNodeSet(): void {
    this.#isSetChanged = true;
  }

  onNode(node: string): void {
    this.#changedNodes.add(node);
    this.#changed.add(node);
  }

  onPromised(node: string): void {
    this.#changed.add(node);
  }

  findNode(row: number): Node | undefined {
    return this.#nodes[row];
  }

  findRow(node: string): number | undefined {
    return this.#rows.get(node);
  }

  /** Whether so much is free on every node. */
  isFreeEverywhere(wanted: Resources): boolean {
    return (
      this.#leastCpuOfAll.of(this.leastCpu) >= wanted.cpu &&
      this.#leastMemoryOfAll.of(this.leastMemory) >= wanted.memory &&
      this.#leastDiskOfAll.of(this.leastDisk) >= wanted.disk
    );
  }

  /** How many of the ports are held on the node of that row. */
  countHeld(row: number, ports: readonly string[]): number {
    const node = this.#nodes[row];
    if (node === undefined) return 0;
    const { portHolders } = this.ledger.promisedOn(node.name);
    return ports.filter((port) => portHolders.has(port)).length;
  }

  /** The first row whose node comes after that name; the number of rows when none does. */
  rowAfter(name: string): number {
    const known = this.#rows.get(name);
    if (known !== undefined) return known + 1;
    const next = this.#nodes.findIndex((node) => node.name > name);
    return next < 0 ? this.rowCount : next;
  }

  /** Takes in what the ledger was told since the last time. */
  update(): void {
    if (this.#isSetChanged) this.#layOut();
    else if (this.#changed.size > 0) this.#rewriteChanged();
    this.#changed.clear();
    this.#changedNodes.clear();
  }

  #layOut(): void {
    this.#nodes = [...this.ledger.nodes()];
    const count = this.#nodes.length;
    const blocks = blockCount(count);
    this.#allocate(count, blocks);
    this.changes = new ChangeLog(count);
    this.nodeChanges = new ChangeLog(count);
    this.layout += 1;
    this.upCount = 0;
    this.#sizes.clear();
    this.#rows.clear();
    for (const [row, node] of this.#nodes.entries()) {
      this.#rows.set(node.name, row);
      if (node.liveness === 'up') this.upCount += 1;
      this.sizeOf[row] = this.#sizes.placeOf(node.capacity);
      this.#write(row, node);
    }
    for (let block = 0; block < blocks; block += 1) this.#settle(block);
    this.#leastCpuOfAll.forget();
    this.#leastMemoryOfAll.forget();
    this.#leastDiskOfAll.forget();
    this.#isSetChanged = false;
  }

  #allocate(rows: number, blocks: number): void {
    const column = (): Float64Array => new Float64Array(rows);
    [this.freeCpu, this.freeMemory, this.freeDisk] = [column(), column(), column()];
    [this.usedCpu, this.usedMemory, this.usedDisk] = [column(), column(), column()];
    const least = (): Float64Array => new Float64Array(blocks);
    [this.leastCpu, this.leastMemory, this.leastDisk] = [least(), least(), least()];
    [this.leastUsedCpu, this.leastUsedMemory] = [least(), least()];
    this.sizeOf = new Int32Array(rows);
    this.sizeIn = new Int32Array(blocks);
    this.isEven = new Uint8Array(blocks);
  }

  #rewriteChanged(): void {
    for (const name of this.#changedNodes) {
      const row = this.#rows.get(name);
      const before = row === undefined ? undefined : this.#nodes[row];
      const node = this.ledger.findNode(name);
      if (row === undefined || before === undefined || node === undefined) continue;
      this.upCount += Number(node.liveness === 'up') - Number(before.liveness === 'up');
      this.#nodes[row] = node;
      this.sizeOf[row] = this.#sizes.placeOf(node.capacity);
      this.nodeChanges.add(row);
    }
    for (const name of this.#changed) {
      const row = this.#rows.get(name);
      const node = row === undefined ? undefined : this.#nodes[row];
      if (row === undefined || node === undefined) continue;
      this.#write(row, node);
      this.#settle(row >> BLOCK_BITS);
      this.changes.add(row);
    }
  }

  #settleFree(block: number): void {
    const [cpu, memory, disk] = [
      this.leastCpu[block],
      this.leastMemory[block],
      this.leastDisk[block],
    ];
    this.leastCpu[block] = leastOf(this.freeCpu, block);
    this.leastMemory[block] = leastOf(this.freeMemory, block);
    this.leastDisk[block] = leastOf(this.freeDisk, block);
    this.#leastCpuOfAll.note(cpu ?? 0, this.leastCpu[block] ?? 0);
    this.#leastMemoryOfAll.note(memory ?? 0, this.leastMemory[block] ?? 0);
    this.#leastDiskOfAll.note(disk ?? 0, this.leastDisk[block] ?? 0);
  }

  #settle(block: number): void {
    this.#settleFree(block);
    this.leastUsedCpu[block] = leastOf(this.usedCpu, block);
    this.leastUsedMemory[block] = leastOf(this.usedMemory, block);
    const isOneSize = isEvenIn(this.sizeOf, block);
    this.sizeIn[block] = isOneSize ? (this.sizeOf[block << BLOCK_BITS] ?? MIXED) : MIXED;
    const isEven =
      isOneSize &&
      isEvenIn(this.usedCpu, block) &&
      isEvenIn(this.usedMemory, block) &&
      isEvenIn(this.usedDisk, block);
    this.isEven[block] = Number(isEven);
  }

  #write(row: number, { name, capacity, observed }: Node): void {
    const promised = this.ledger.promisedOn(name);
    this.freeCpu[row] = roomOf(capacityMilliCores(capacity.cpu) - promised.milliCores);
    this.freeMemory[row] = roomOf(capacity.memory - promised.memory);
    this.freeDisk[row] = roomOf(capacity.disk - promised.disk);
    const cpu = promised.milliCores / 1000 + promised.withoutCpu * defaultRequest.cpu;
    const memory = promised.memory + promised.withoutMemory * defaultRequest.memory;
    this.usedCpu[row] = fractionInUse(cpu, capacity.cpu, observed?.cpu);
    this.usedMemory[row] = fractionInUse(memory, capacity.memory, observed?.memory);
    this.usedDisk[row] = fractionInUse(promised.disk, capacity.disk, observed?.disk);
  }
}

/** What is not known is no shortage: such a node is refused because it cannot be judged. */
function roomOf(free: number): number {
  return Number.isFinite(free) ? free : Number.POSITIVE_INFINITY;
}
