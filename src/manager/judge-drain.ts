import { decide } from '../scheduler/decide.ts';
import type { ClusterSnapshot, Scheduler } from '../scheduler/scheduler.ts';
import type { Task } from '../task/task.ts';
import { isLeaving } from './judge-replacement.ts';

/** What is to be done next on a node that is drained. */
export type DrainStep =
  /** Nothing is left on it. */
  | { readonly kind: 'empty' }
  /** This one is on its way; the next follows when it runs elsewhere. */
  | { readonly kind: 'moving'; readonly task: Task }
  /** This one goes now. */
  | { readonly kind: 'move'; readonly task: Task }
  /** Those that are left fit on no other node, and stay until they do. */
  | { readonly kind: 'stuck'; readonly tasks: readonly Task[] };

export interface DrainContext {
  readonly node: string;
  /** The tasks that are placed on it. */
  readonly placed: readonly Task[];
  /** Every task that waits for a node, or is being started on one. */
  readonly onTheirWay: readonly Task[];
  readonly scheduler: Scheduler;
  readonly snapshot: ClusterSnapshot;
}

/**
 * Tasks leave a node one by one, the most urgent first and then the oldest, and each only once the
 * one before it runs elsewhere. None is stopped for which there is no other place now.
 */
export function judgeDrain(context: DrainContext): DrainStep {
  const { node, placed, onTheirWay, scheduler, snapshot } = context;
  const moving = [...placed, ...onTheirWay].find((task) => isLeaving(task, node));
  if (moving !== undefined) return { kind: 'moving', task: moving };
  const staying = placed
    .filter(({ status }) => status.desired === 'running')
    .toSorted((a, b) => b.spec.priority - a.spec.priority || a.createdRevision - b.createdRevision);
  if (staying.length === 0) return { kind: 'empty' };
  const task = staying.find((one) => decide(scheduler, one, snapshot).chosen !== undefined);
  return task === undefined ? { kind: 'stuck', tasks: staying } : { kind: 'move', task };
}
