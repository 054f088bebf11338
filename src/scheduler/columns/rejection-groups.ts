import { assert } from '../../lib/assert.ts';
import {
  type Placement,
  type Rejection,
  type RejectionCode,
  rejectionCodes,
} from '../../task/placement.ts';
import type { Filter } from '../filters/filter.ts';
import { portFilter } from '../filters/ports.ts';
import { cpuFilter, diskFilter, memoryFilter } from '../filters/resources.ts';
import type { Judgement } from './judge-row.ts';

export interface RejectionParts extends Judgement {
  /** How many rows are refused for each code. */
  readonly counts: Int32Array;
  readonly findNearest: (code: number) => number;
}

/**
 * The rows refused for each reason, the most frequent reason first. Only the nearest miss of each
 * is put into words, by the filter that has them.
 */
export function groupRejections(parts: RejectionParts): Placement['rejected'] {
  const { counts } = parts;
  const groups: { code: RejectionCode; nodeCount: number; nearest: NearestMiss }[] = [];
  for (const [place, code] of rejectionCodes.entries()) {
    const nodeCount = counts[place] ?? 0;
    if (nodeCount === 0) continue;
    groups.push({ code, nodeCount, nearest: tell(code, parts.findNearest(place), parts) });
  }
  // Sorting is stable, so that equal counts stay in the order of the codes.
  return groups.sort((a, b) => b.nodeCount - a.nodeCount);
}

type NearestMiss = Placement['rejected'][number]['nearest'];

function tell(code: RejectionCode, row: number, parts: RejectionParts): NearestMiss {
  const { demand, columns, standing } = parts;
  const node = columns.findNode(row);
  assert(node !== undefined, `one of the nodes refused for ${code} comes nearest`);
  const filter = promiseFilters[code];
  const rejection: Rejection | undefined =
    filter === undefined
      ? standing.tell(code, row)
      : filter(demand.task)(columns.ledger.showNode(node))[0];
  assert(rejection?.code === code, `node ${node.name} is refused for ${code}`);
  return { node: node.name, rejection };
}

/** The reasons that depend on what is promised on a node, and who puts them into words. */
const promiseFilters: Readonly<Partial<Record<RejectionCode, Filter>>> = {
  'cpu-short': cpuFilter,
  'memory-short': memoryFilter,
  'disk-short': diskFilter,
  'port-taken': portFilter,
};
