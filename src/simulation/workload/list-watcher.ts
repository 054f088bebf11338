import { isCubeError } from '../../errors/cube-error.ts';
import type { CubeEvent } from '../../event/event.ts';
import type { Manager } from '../../manager/manager.ts';
import { foldInto } from '../../manager/replay.ts';
import type { Node } from '../../node/node.ts';
import type { Task } from '../../task/task.ts';
import { isSamePlain } from '../plain.ts';

/** So many events are taken from the stream between two comparisons. */
const EVENTS_BETWEEN = 50;

/** More tasks than there are in any run. */
const EVERYTHING = { limit: 10_000 };

/**
 * A program that lists once and then keeps its picture up to date by the stream, as every
 * dashboard does. From time to time it lists again: both must show the same.
 */
export class ListWatcher {
  readonly violations: string[] = [];
  comparedCount = 0;

  /** Until the manager ends, or the reader is told that the log was pruned before it was read. */
  async watch(manager: Manager, signal: AbortSignal): Promise<void> {
    const listed = await manager.listTasks(EVERYTHING);
    const picture = new Map(listed.items.map(({ task }) => [task.id, task]));
    const state = { tasks: picture, nodes: new Map<string, Node>() };
    let count = 0;
    try {
      for await (const event of manager.events(listed.revision, signal)) {
        if (event.taskId !== undefined) this.#fold(state, event);
        count += 1;
        if (count >= EVENTS_BETWEEN && (await this.#compare(manager, picture, event.revision))) {
          count = 0;
        }
        if (this.violations.length > 0) return;
      }
    } catch (error) {
      if (!isCubeError(error, 'pruned')) throw error;
    }
  }

  #fold(
    state: { readonly tasks: Map<string, Task>; readonly nodes: Map<string, Node> },
    event: CubeEvent,
  ): void {
    try {
      foldInto(state, event);
    } catch (error) {
      this.#violated(event.revision, String(error));
    }
  }

  /** False when the stream has not caught up with the list: the two speak of different times. */
  async #compare(
    manager: Manager,
    picture: ReadonlyMap<string, Task>,
    revision: number,
  ): Promise<boolean> {
    if ((await manager.listTasks({ limit: 1 })).revision !== revision) return false;
    const now = await manager.listTasks(EVERYTHING);
    if (now.revision !== revision) return false;
    this.comparedCount += 1;
    const listed = new Map(now.items.map(({ task }) => [task.id, task]));
    for (const id of new Set([...listed.keys(), ...picture.keys()])) {
      if (isSamePlain(listed.get(id), picture.get(id))) continue;
      this.#violated(revision, `task ${id} is listed otherwise than the stream tells`);
    }
    return true;
  }

  #violated(revision: number, what: string): void {
    this.violations.push(`[list-then-watch] at revision ${revision}: ${what}`);
  }
}
