import type { Node, NodeStats, Resources } from '../node/node.ts';
import type { NodeSnapshot } from '../scheduler/scheduler.ts';
import type { Reign } from '../store/manager-repository.ts';
import type { TaskState } from '../task/task-state.ts';

/** Where a request came from. */
export interface Origin {
  readonly requestId: string;
  /** The span of the request, for traces. */
  readonly traceparent?: string | undefined;
}

/** What waits for its turn in the manager. */
export interface QueueLengths {
  /** Changes that wait to be made durable. */
  readonly commit: number;
  /** Tasks that wait for a node, or for the time of their restart. */
  readonly schedule: number;
  /** Reports of workers that are being recorded. */
  readonly report: number;
}

/** A node with what is promised and measured there. */
export interface NodeOverview {
  readonly node: Node;
  readonly committed: Resources;
  readonly taskCount: number;
  readonly stats?: NodeStats;
  readonly flapping?: boolean;
  /** How far its clock is ahead of this manager's, where that is much, in milliseconds. */
  readonly clockSkewMs?: number;
}

/** Clocks that are closer than this count as one: the time on its way is in it too. */
const CLOCK_SKEW_SHOWN_MS = 10_000;

/** A node as it was counted, with what is measured there. */
export function toNodeOverview(
  { node, committed, taskCount }: NodeSnapshot,
  measured: {
    statsOf(node: string): NodeStats | undefined;
    isFlapping(node: string): boolean;
    clockSkewOf(node: string): number;
  },
): NodeOverview {
  const stats = measured.statsOf(node.name);
  const clockSkewMs = measured.clockSkewOf(node.name);
  return {
    node,
    committed,
    taskCount,
    ...(stats === undefined ? {} : { stats }),
    ...(measured.isFlapping(node.name) ? { flapping: true } : {}),
    ...(Math.abs(clockSkewMs) < CLOCK_SKEW_SHOWN_MS ? {} : { clockSkewMs }),
  };
}

/** The manager at a glance. */
export interface ManagerOverview extends Reign {
  readonly revision: number;
  readonly floor: number;
  readonly store: string;
  readonly storeBytes: number;
  readonly scheduler: string;
  readonly taskCounts: Readonly<Record<TaskState, number>>;
  readonly nodeCount: number;
  readonly startedAt: string;
  readonly version: string;
  readonly healthy: boolean;
  readonly problem?: string;
}
