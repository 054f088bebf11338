import type { Demand } from './demand.ts';
import type { NodeColumns } from './node-columns.ts';
import type { Selection } from './selection.ts';
import { codeBit, type Standing } from './standing.ts';
import type { Tally } from './tally.ts';

export const CPU_SHORT: number = codeBit('cpu-short');
export const MEMORY_SHORT: number = codeBit('memory-short');
export const DISK_SHORT: number = codeBit('disk-short');
export const PORT_TAKEN: number = codeBit('port-taken');

/** What a scan reads, and where it writes what it finds. */
export interface ScanParts {
  readonly columns: NodeColumns;
  readonly standing: Standing;
  /** For each row the number of reasons against it, apart from what is short. */
  readonly blocked: Uint16Array;
  readonly scores: Float64Array;
  readonly selection: Selection;
  readonly tally: Tally;
}

/**
 * Judges every row for one task in a single pass: the rows that can take it go to the selection
 * with their scores, the others to the tally with their reasons.
 *
 * @returns how many rows can take it.
 */
export function scan(demand: Demand, parts: ScanParts): number {
  const { columns, standing, blocked, scores, selection, tally } = parts;
  const { rowCount, freeCpu, freeMemory, freeDisk } = columns;
  const { codes } = standing;
  const { cpu, memory, disk } = demand;
  selection.begin(rowCount);
  tally.begin(demand);
  let feasibleCount = 0;
  for (let row = 0; row < rowCount; row += 1) {
    const reasonCount = blocked[row] ?? 0;
    const hasCpu = (freeCpu[row] ?? 0) >= cpu;
    const hasMemory = (freeMemory[row] ?? 0) >= memory;
    const hasDisk = (freeDisk[row] ?? 0) >= disk;
    if (reasonCount === 0 && hasCpu && hasMemory && hasDisk) {
      feasibleCount += 1;
      const score = scores[row] ?? 0;
      if (score <= selection.bar) selection.take(row, score);
      continue;
    }
    const held = reasonCount - (standing.reasonCounts[row] ?? 0);
    let refusedFor = codes[row] ?? 0;
    if (!hasCpu) refusedFor |= CPU_SHORT;
    if (!hasMemory) refusedFor |= MEMORY_SHORT;
    if (!hasDisk) refusedFor |= DISK_SHORT;
    if (held > 0) refusedFor |= PORT_TAKEN;
    const short = Number(!hasCpu) + Number(!hasMemory) + Number(!hasDisk);
    tally.add(row, refusedFor, reasonCount + short);
  }
  return feasibleCount;
}
