import type { CubeEvent } from '../../event/event.ts';
import type { Node } from '../../node/node.ts';
import { isFinal, type Task } from '../../task/task.ts';

/** The tasks and nodes before an event. */
interface Before {
  readonly tasks: ReadonlyMap<string, Task>;
  readonly nodes: ReadonlyMap<string, Node>;
}

/**
 * What an event breaks of the rules by which tasks give their place, each as the name of its
 * invariant and what is wrong: they leave a node only while it is drained, and each only once the
 * one before it runs elsewhere.
 */
export function brokenByMove(
  event: CubeEvent,
  { tasks, nodes }: Before,
): readonly (readonly [string, string])[] {
  const { type, taskId = '', node = '', reason } = event;
  if (type !== 'task-restart-requested' && type !== 'task-displaced') return [];
  const task = tasks.get(taskId);
  const stopped: readonly (readonly [string, string])[] =
    task?.status.desired === 'stopped' ? [['stop-wins', `${type} of what was stopped`]] : [];
  if (type === 'task-displaced' || reason?.code !== 'node-drained') return stopped;
  const others = [...tasks.values()].filter((one) => one.id !== taskId && isOnItsWay(one, node));
  return [
    ...stopped,
    ...others.map(({ id }) => ['drain', `it leaves ${node} while ${id} is on its way`] as const),
    ...(nodes.get(node)?.draining === true
      ? []
      : [['drain', `it leaves ${node}, which is not drained`] as const]),
  ];
}

/** Whether a task has left the node, or is to leave it, and does not run elsewhere yet. */
export function isOnItsWay(task: Task, node: string): boolean {
  const { replacing } = task.status;
  if (isFinal(task) || replacing?.reason.code !== 'node-drained') return false;
  return replacing.node === node;
}
