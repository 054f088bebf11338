import type { CubeEvent } from '../../event/event.ts';
import { foldInto } from '../../manager/replay.ts';
import type { Node } from '../../node/node.ts';
import { createScheduler } from '../../scheduler/create-scheduler.ts';
import { decide } from '../../scheduler/decide.ts';
import { createSnapshot } from '../../scheduler/ledger.ts';
import { schedulerNames } from '../../scheduler/scheduler.ts';
import type { Task } from '../../task/task.ts';
import { isSamePlain } from '../plain.ts';

/** The placement decisions that, computed again from the log, do not come out as recorded. */
export function unexplained(events: readonly CubeEvent[]): readonly string[] {
  const found: string[] = [];
  const state = { tasks: new Map<string, Task>(), nodes: new Map<string, Node>() };
  let folded = 0;
  for (const event of events) {
    const { placement, revision } = event;
    if (placement === undefined) continue;
    const basis = placement.basis?.revision ?? revision - 1;
    for (; folded < basis; folded += 1) foldNext(state, events[folded]);
    if (!isAsRecorded(event, events.slice(basis, revision - 1), state)) {
      found.push(`[explained] the decision at revision ${revision} comes out otherwise`);
    }
  }
  return found;
}

function foldNext(state: Parameters<typeof foldInto>[0], event: CubeEvent | undefined): void {
  if (event !== undefined) foldInto(state, event);
}

/** `since`: what came between the state that was looked at and the decision. */
function isAsRecorded(
  event: CubeEvent,
  since: readonly CubeEvent[],
  state: Parameters<typeof foldInto>[0],
): boolean {
  const then = { tasks: new Map(state.tasks), nodes: new Map(state.nodes) };
  for (const one of since) if (one.type === 'task-scheduled') foldInto(then, one);
  const task = then.tasks.get(event.taskId ?? '');
  const name = schedulerNames.find((one) => one === event.placement?.scheduler);
  if (task === undefined || name === undefined || event.placement === undefined) return false;
  const { basis, ...recorded } = event.placement;
  const snapshot = createSnapshot({
    nodes: then.nodes.values(),
    tasks: then.tasks.values(),
    lastNode: basis?.lastNode,
  });
  const { placement } = decide(createScheduler(name), task, snapshot);
  return isSamePlain(placement, recorded);
}
