import { advise } from '../scheduler/advice.ts';
import { decide } from '../scheduler/decide.ts';
import type { Ledger } from '../scheduler/ledger.ts';
import type { Scheduler } from '../scheduler/scheduler.ts';
import type { Placement, Verdict } from '../task/placement.ts';
import type { Task } from '../task/task.ts';

/** What the scheduler would do with a task now. */
export interface Trial {
  readonly placement: Placement;
  /** On every node, in the order of their names. */
  readonly verdicts: readonly Verdict[];
  /** What would let it run, when no node takes it. */
  readonly advice: readonly string[];
}

interface TrialContext {
  readonly ledger: Ledger;
  readonly scheduler: Scheduler;
  readonly lastNode: string | undefined;
}

/**
 * Decides on tasks as if they were submitted together, each counted where it would be placed before
 * the next one is looked at: the most urgent first, then in their order. Nothing is placed, and the
 * ledger is as before.
 */
export function tryOut(tasks: readonly Task[], context: TrialContext): readonly Trial[] {
  const { ledger, scheduler } = context;
  const trials = new Map<Task, Trial>();
  let { lastNode } = context;
  try {
    for (const task of tasks.toSorted((a, b) => b.spec.priority - a.spec.priority)) {
      const snapshot = ledger.snapshot(lastNode);
      const { placement, chosen, ...decision } = decide(scheduler, task, snapshot);
      const verdicts = decision.verdicts();
      const advice = chosen === undefined ? advise(task, snapshot, verdicts) : [];
      trials.set(task, { placement, verdicts, advice });
      if (chosen === undefined) continue;
      ledger.promise(task, chosen);
      lastNode = chosen;
    }
  } finally {
    for (const task of tasks) ledger.release(task);
  }
  return tasks.flatMap((task) => trials.get(task) ?? []);
}
