import type { Node, Resources } from '../node/node.ts';
import type { Verdict } from '../task/placement.ts';
import type { Task } from '../task/task.ts';

/**
 * The port to a placement policy, in the three phases of the reference: which nodes could take
 * the task, how good each is, which one it gets. Every phase is a pure function of its arguments,
 * so that a decision can be explained, replayed and tried without being made.
 */
export interface Scheduler {
  readonly name: SchedulerName;

  /**
   * Judges every node: those that can take the task, and for the others every reason against them
   * with its numbers. A node about which something needed is unknown cannot take it.
   */
  selectCandidateNodes(task: Task, snapshot: ClusterSnapshot): Candidates;

  /**
   * Gives each candidate a score, in the order of `candidates`; lower is better, and every score
   * is a finite number.
   */
  score(
    task: Task,
    candidates: readonly NodeSnapshot[],
    snapshot: ClusterSnapshot,
  ): readonly number[];

  /** The index of the candidate that gets the task. Only called with at least one. */
  pick(task: Task, candidates: readonly NodeSnapshot[], scores: readonly number[]): number;
}

export const schedulerNames = ['epvm', 'greedy', 'roundrobin'] as const;

export type SchedulerName = (typeof schedulerNames)[number];

/** What a policy may look at. */
export interface ClusterSnapshot {
  /** In the order of their names. */
  readonly nodes: readonly NodeSnapshot[];
  /** The node of the latest placement in the cluster, for policies that take turns. */
  readonly lastNode: string | undefined;
}

/** One node, with what is promised to the attempts placed on it. */
export interface NodeSnapshot {
  readonly node: Node;
  /** The sum of the requests of all attempts placed there that have not ended. */
  readonly committed: Resources;
  /** How many such attempts there are. */
  readonly taskCount: number;
  /**
   * How many of them asked for no cores, and how many for no memory. They weigh nothing in
   * `committed`; a policy may still take them to use something.
   */
  readonly withoutRequest: { readonly cpu: number; readonly memory: number };
  /** Host ports held by them, as `tcp/8080`. */
  readonly ports: ReadonlySet<string>;
}

export interface Candidates {
  readonly feasible: readonly NodeSnapshot[];
  /** A verdict with at least one rejection for each node that is not feasible. */
  readonly rejected: readonly Verdict[];
}
