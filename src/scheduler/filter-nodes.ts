import type { Rejection, Verdict } from '../task/placement.ts';
import type { Task } from '../task/task.ts';
import { bindFilter } from './filters/binds.ts';
import { constraintFilter } from './filters/constraints.ts';
import { acceptEveryNode, type Filter, type NodeCheck, noRejections } from './filters/filter.ts';
import { judgeableFilter } from './filters/judgeable.ts';
import { livenessFilter } from './filters/liveness.ts';
import { portFilter } from './filters/ports.ts';
import { cpuFilter, diskFilter, memoryFilter } from './filters/resources.ts';
import { runtimeFilter } from './filters/runtime.ts';
import type { Candidates, ClusterSnapshot, NodeSnapshot } from './scheduler.ts';

/** Every question about a node, in the order in which the reasons are shown. */
const filters: readonly Filter[] = [
  livenessFilter,
  judgeableFilter,
  runtimeFilter,
  constraintFilter,
  cpuFilter,
  memoryFilter,
  diskFilter,
  portFilter,
  bindFilter,
];

/**
 * The first phase, the same for every policy. Each node is asked every question, so that one that
 * is refused tells all reasons at once and not the next one only after the first is mended.
 */
export function filterNodes(task: Task, snapshot: ClusterSnapshot): Candidates {
  const checks = filters.map((filter) => filter(task)).filter((check) => check !== acceptEveryNode);
  const feasible: NodeSnapshot[] = [];
  const rejected: Verdict[] = [];
  for (const candidate of snapshot.nodes) {
    const rejections = judge(candidate, checks);
    if (rejections.length === 0) feasible.push(candidate);
    else rejected.push({ node: candidate.node.name, rejections: [...rejections] });
  }
  return { feasible, rejected };
}

function judge(candidate: NodeSnapshot, checks: readonly NodeCheck[]): readonly Rejection[] {
  let rejections = noRejections;
  for (const check of checks) {
    const found = check(candidate);
    if (found.length === 0) continue;
    rejections = rejections.length === 0 ? found : [...rejections, ...found];
  }
  return rejections;
}
