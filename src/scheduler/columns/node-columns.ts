import type { Node, Resources } from '../../node/node.ts';
import { Ledger, type LedgerWatcher } from '../ledger.ts';
import { capacityMilliCores } from '../milli-cores.ts';
import { defaultRequest, fractionInUse } from '../utilisation.ts';
import { ChangeLog } from './change-log.ts';
import { Leasts } from './leasts.ts';
import { NodeSizes } from './node-sizes.ts';
import {
  BLOCK_BITS,
  BLOCK_ROWS,
  blockCount,
  STRETCH_BITS,
  STRETCH_BLOCKS,
  stretchCount,
  valueIn,
} from './row-blocks.ts';

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
  /** The least of what is free. */
  leastCpu: Leasts = new Leasts(noColumn);
  leastMemory: Leasts = new Leasts(noColumn);
  leastDisk: Leasts = new Leasts(noColumn);
  /** The one size of the nodes of each block, or `MIXED`; and of each stretch. */
  sizeIn: Int32Array = new Int32Array(0);
  sizeInStretch: Int32Array = new Int32Array(0);
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
    this.#allocate(count);
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
    this.leastCpu = new Leasts(this.freeCpu);
    this.leastMemory = new Leasts(this.freeMemory);
    this.leastDisk = new Leasts(this.freeDisk);
    for (let row = 0; row < count; row += BLOCK_ROWS) this.#settleSize(row);
    this.#isSetChanged = false;
  }

  #allocate(rows: number): void {
    const column = (): Float64Array => new Float64Array(rows);
    [this.freeCpu, this.freeMemory, this.freeDisk] = [column(), column(), column()];
    [this.usedCpu, this.usedMemory, this.usedDisk] = [column(), column(), column()];
    this.sizeOf = new Int32Array(rows);
    this.sizeIn = new Int32Array(blockCount(rows));
    this.sizeInStretch = new Int32Array(stretchCount(rows));
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
      this.#settleSize(row);
      this.nodeChanges.add(row);
    }
    for (const name of this.#changed) {
      const row = this.#rows.get(name);
      const node = row === undefined ? undefined : this.#nodes[row];
      if (row === undefined || node === undefined) continue;
      this.#write(row, node);
      this.leastCpu.settle(row);
      this.leastMemory.settle(row);
      this.leastDisk.settle(row);
      this.changes.add(row);
    }
  }

  /** Tells of the size of a row to its block and its stretch. */
  #settleSize(row: number): void {
    const block = row >> BLOCK_BITS;
    this.sizeIn[block] = valueIn(this.sizeOf, block << BLOCK_BITS, BLOCK_ROWS);
    const stretch = row >> STRETCH_BITS;
    const firstBlock = stretch * STRETCH_BLOCKS;
    this.sizeInStretch[stretch] = valueIn(this.sizeIn, firstBlock, STRETCH_BLOCKS);
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
