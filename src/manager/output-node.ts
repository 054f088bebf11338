import { CubeError } from '../errors/cube-error.ts';
import type { Node } from '../node/node.ts';
import { isFinal, type Task } from '../task/task.ts';
import type { StateView } from './cluster-state.ts';

/** The node that has the output of a task's current attempt. @throws CubeError `not-found`. */
export function outputNode(task: Task, state: Pick<StateView, 'findNode'>): Node {
  const { node: name } = task.status;
  const node = name === undefined ? undefined : state.findNode(name);
  if (node !== undefined) return node;
  if (isFinal(task)) {
    throw new CubeError('not-found', `Task ${task.id} has ended without ever running: no output.`);
  }
  throw new CubeError('not-found', `Task ${task.id} has not run yet, so it has no output.`, {
    hint: `See "cube explain ${task.id}" for what it waits for.`,
  });
}
