import type { CubeEvent } from '../event/event.ts';
import { foldNode, foldTask } from '../event/fold.ts';
import type { Node } from '../node/node.ts';
import type { ManagerRepository } from '../store/manager-repository.ts';
import type { Task } from '../task/task.ts';

/** The state as it was at some time. */
export interface PastState {
  readonly tasks: ReadonlyMap<string, Task>;
  readonly nodes: ReadonlyMap<string, Node>;
}

const PAGE = 5000;

/**
 * Computes the state that a placement decision looked at: all up to `basis`, and of what follows
 * before `revision` only the placements, which are those of the same batch. Whatever else was on
 * its way to the disk meanwhile had not been seen. Takes time in proportion to the log; nothing of
 * the present waits for it, since the store answers in pages.
 *
 * @returns undefined when the log no longer reaches back so far.
 */
export async function replay(
  log: { readonly repository: ManagerRepository; readonly floor: () => number },
  decision: { readonly basis: number; readonly revision: number },
): Promise<PastState | undefined> {
  const floor = log.floor();
  const { basis, revision } = decision;
  if (basis < floor) return undefined;
  const base = await log.repository.base();
  const tasks = new Map(base.tasks.map((task) => [task.id, task]));
  const nodes = new Map(base.nodes.map((node) => [node.name, node]));
  let cursor = floor;
  while (cursor < revision - 1) {
    const page = await log.repository.events(cursor, Math.min(PAGE, revision - 1 - cursor));
    for (const event of page) {
      // What was pruned while it was read leaves base and log without a fit.
      if (event.revision !== cursor + 1) return undefined;
      if (event.revision <= basis || event.type === 'task-scheduled') {
        foldInto({ tasks, nodes }, event);
      }
      cursor = event.revision;
    }
    if (page.length === 0) return undefined;
  }
  return log.floor() === floor ? { tasks, nodes } : undefined;
}

/** Changes maps of tasks and nodes by one event. */
export function foldInto(
  state: { readonly tasks: Map<string, Task>; readonly nodes: Map<string, Node> },
  event: CubeEvent,
): void {
  if (event.taskId !== undefined) {
    const task = foldTask(state.tasks.get(event.taskId), event);
    if (task === undefined) state.tasks.delete(event.taskId);
    else state.tasks.set(event.taskId, task);
  } else if (event.node !== undefined && event.facts !== undefined) {
    state.nodes.set(event.node, foldNode(state.nodes.get(event.node), event));
  }
}
