import type { CubeEvent } from '../event/event.ts';
import { foldNode, foldTask } from '../event/fold.ts';
import type { Node } from '../node/node.ts';
import type { ManagerRepository } from '../store/manager-repository.ts';
import type { Task } from '../task/task.ts';

/** The state as it was right after one revision. */
export interface PastState {
  readonly tasks: ReadonlyMap<string, Task>;
  readonly nodes: ReadonlyMap<string, Node>;
  /** The node of the latest placement until then, as far as the log tells. */
  readonly lastNode: string | undefined;
}

const PAGE = 5000;

/**
 * Computes the state right after `revision` by folding the log over its base. Takes time in
 * proportion to the log; nothing of the present waits for it, since the store answers in pages.
 *
 * @returns undefined when the log no longer reaches back so far.
 */
export async function replay(
  repository: ManagerRepository,
  revision: number,
  floor: number,
): Promise<PastState | undefined> {
  if (revision < floor) return undefined;
  const base = await repository.base();
  const tasks = new Map(base.tasks.map((task) => [task.id, task]));
  const nodes = new Map(base.nodes.map((node) => [node.name, node]));
  let lastNode: string | undefined;
  let cursor = floor;
  while (cursor < revision) {
    const page = await repository.events(cursor, Math.min(PAGE, revision - cursor));
    for (const event of page) {
      foldInto({ tasks, nodes }, event);
      if (event.type === 'task-scheduled') lastNode = event.node;
      cursor = event.revision;
    }
    if (page.length === 0) break;
  }
  return { tasks, nodes, lastNode };
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
