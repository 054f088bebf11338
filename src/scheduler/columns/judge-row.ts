import { rejectionCodes } from '../../task/placement.ts';
import type { Demand } from './demand.ts';
import type { NodeColumns } from './node-columns.ts';
import { codeBit, type Standing } from './standing.ts';

const CPU_SHORT = codeBit('cpu-short');
const MEMORY_SHORT = codeBit('memory-short');
const DISK_SHORT = codeBit('disk-short');
const PORT_TAKEN = codeBit('port-taken');

/** The codes are the low bits of a verdict, and the number of reasons stands above them. */
const CODE_BITS = rejectionCodes.length;
const CODE_MASK = (1 << CODE_BITS) - 1;
const ONE_REASON = 1 << CODE_BITS;

/** What a verdict rests on. */
export interface Judgement {
  readonly demand: Demand;
  readonly columns: NodeColumns;
  readonly standing: Standing;
}

/**
 * Everything against a row as one number, so that nothing is allocated for it: 0 when its node can
 * take the task. `codesIn` and `reasonCountIn` take it apart.
 *
 * @param heldCount how many of the ports that the task asks for are held there.
 */
export function judgeRow(row: number, on: Judgement, heldCount: number): number {
  const { demand, columns, standing } = on;
  let verdict = standing.codes[row] ?? 0;
  let reasonCount = (standing.reasonCounts[row] ?? 0) + heldCount;
  if (heldCount > 0) verdict |= PORT_TAKEN;
  if ((columns.freeCpu[row] ?? 0) < demand.cpu) {
    verdict |= CPU_SHORT;
    reasonCount += 1;
  }
  if ((columns.freeMemory[row] ?? 0) < demand.memory) {
    verdict |= MEMORY_SHORT;
    reasonCount += 1;
  }
  if ((columns.freeDisk[row] ?? 0) < demand.disk) {
    verdict |= DISK_SHORT;
    reasonCount += 1;
  }
  return verdict + reasonCount * ONE_REASON;
}

/** The set of codes for which a row is refused. */
export function codesIn(verdict: number): number {
  return verdict & CODE_MASK;
}

/** How many reasons there are against it. */
export function reasonCountIn(verdict: number): number {
  return verdict >>> CODE_BITS;
}
