import { parseConstraint } from '../../task/constraint.ts';
import { type Rejection, type RejectionCode, rejectionCodes } from '../../task/placement.ts';
import type { Task } from '../../task/task.ts';
import { bindFilter } from '../filters/binds.ts';
import { constraintFilter, isMet } from '../filters/constraints.ts';
import type { NodeCheck } from '../filters/filter.ts';
import { judgeableFilter } from '../filters/judgeable.ts';
import { livenessFilter } from '../filters/liveness.ts';
import { runtimeFilter } from '../filters/runtime.ts';
import type { NodeSnapshot } from '../scheduler.ts';
import type { NodeColumns } from './node-columns.ts';
import { BLOCK_BITS, blockCount, STRETCH_BITS, stretchCount } from './row-blocks.ts';

/** The bit of a code in a set of codes. */
export function codeBit(code: RejectionCode): number {
  return 1 << rejectionCodes.indexOf(code);
}

/**
 * What a kind of task has against each node for what the node is, and not for what is promised on
 * it: that it is away, or lacks a label. Judged once for all tasks of the kind, and again for a
 * node that has changed.
 */
export class Standing {
  readonly #columns: NodeColumns;
  readonly #checks: readonly NodeCheck[];
  readonly #constraints: readonly ReturnType<typeof parseConstraint>[];
  readonly #constraintCheck: NodeCheck;
  #layout = -1;
  #position = 0;
  /** How many reasons there are against each node. */
  reasonCounts: Uint16Array = new Uint16Array(0);
  /** How many rows of each block there is any reason against, and of each stretch. */
  blockedIn: Uint8Array = new Uint8Array(0);
  blockedInStretch: Uint16Array = new Uint16Array(0);
  /** Their codes, as a set of bits. */
  codes: Uint16Array = new Uint16Array(0);
  readonly #told = new Map<RejectionCode, ToldRejection>();

  constructor(task: Task, columns: NodeColumns) {
    this.#columns = columns;
    this.#checks = [livenessFilter, judgeableFilter, runtimeFilter, bindFilter].map((filter) =>
      filter(task),
    );
    this.#constraints = task.spec.constraints.map(parseConstraint);
    this.#constraintCheck = constraintFilter(task);
  }

  update(): void {
    const { layout, rowCount, nodeChanges } = this.#columns;
    if (this.#layout !== layout || !nodeChanges.reaches(this.#position)) {
      this.reasonCounts = new Uint16Array(rowCount);
      this.codes = new Uint16Array(rowCount);
      this.blockedIn = new Uint8Array(blockCount(rowCount));
      this.blockedInStretch = new Uint16Array(stretchCount(rowCount));
      for (let row = 0; row < rowCount; row += 1) this.#judge(row);
      this.#layout = layout;
    } else {
      for (let at = this.#position; at < nodeChanges.end; at += 1) this.#judge(nodeChanges.at(at));
    }
    this.#position = nodeChanges.end;
  }

  /** The first of the reasons of that code against the node. */
  tell(code: RejectionCode, row: number): Rejection | undefined {
    const node = this.#columns.findNode(row);
    const told = this.#told.get(code);
    if (node === undefined || told?.node === node) return told?.rejection;
    const candidate = this.#columns.ledger.showNode(node);
    for (const check of [...this.#checks, this.#constraintCheck]) {
      const rejection = check(candidate).find((one) => one.code === code);
      if (rejection === undefined) continue;
      this.#told.set(code, { node, rejection });
      return rejection;
    }
    return undefined;
  }

  #judge(row: number): void {
    const node = this.#columns.findNode(row);
    if (node === undefined) return;
    let count = 0;
    let codes = 0;
    const candidate: NodeSnapshot = { ...nothingPromised, node };
    for (const check of this.#checks) {
      for (const { code } of check(candidate)) {
        count += 1;
        codes |= codeBit(code);
      }
    }
    // Told in words only for the nearest node, since most nodes may be ruled out by a constraint.
    for (const constraint of this.#constraints) {
      if (isMet(constraint, node)) continue;
      count += 1;
      codes |= UNMET;
    }
    const block = row >> BLOCK_BITS;
    const wasBlocked = (this.reasonCounts[row] ?? 0) > 0;
    const change = Number(count > 0) - Number(wasBlocked);
    this.blockedIn[block] = (this.blockedIn[block] ?? 0) + change;
    const stretch = row >> STRETCH_BITS;
    this.blockedInStretch[stretch] = (this.blockedInStretch[stretch] ?? 0) + change;
    this.reasonCounts[row] = count;
    this.codes[row] = codes;
  }
}

interface ToldRejection {
  readonly node: NodeSnapshot['node'];
  readonly rejection: Rejection;
}

const UNMET = codeBit('constraint-unmet');

/** No question about the node itself looks at what is promised on it. */
const nothingPromised: Omit<NodeSnapshot, 'node'> = {
  committed: { cpu: 0, memory: 0, disk: 0 },
  taskCount: 0,
  withoutRequest: { cpu: 0, memory: 0 },
  ports: new Set(),
};
