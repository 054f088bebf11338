import type { CubeEvent } from '../event/event.ts';
import { foldNode, foldTask } from '../event/fold.ts';
import type { Node } from '../node/node.ts';
import type { ManagerRepository } from '../store/manager-repository.ts';
import type { Task } from '../task/task.ts';
import { PAST_PAGE } from './past-reader.ts';

/** The state as it was at some time. */
export interface PastState {
  /** In the order in which they were submitted. */
  readonly tasks: ReadonlyMap<string, Task>;
  readonly nodes: ReadonlyMap<string, Node>;
}

/** A state that is being computed. */
interface State {
  readonly tasks: Map<string, Task>;
  readonly nodes: Map<string, Node>;
}

type LogReader = Pick<ManagerRepository, 'base' | 'events'>;

/** The state at the floor of the log: what all events that were pruned come to. */
export async function readBase(repository: LogReader): Promise<State> {
  const base = await repository.base();
  const tasks = base.tasks.toSorted((one, other) => one.createdRevision - other.createdRevision);
  return {
    tasks: new Map(tasks.map((task) => [task.id, task])),
    nodes: new Map(base.nodes.map((node) => [node.name, node])),
  };
}

/** Which part of the log to fold: events above `after`, up to and with `until`. */
interface Span {
  readonly after: number;
  readonly until: number;
  /** Which of them count. Default: all. */
  readonly counts?: (event: CubeEvent) => boolean;
}

/**
 * Folds a part of the log into `state`, page by page, so that nothing of the present waits for it.
 *
 * @returns false when some of it was pruned meanwhile; the state is then of no use.
 */
export async function foldLog(repository: LogReader, span: Span, state: State): Promise<boolean> {
  const { until, counts = () => true } = span;
  let cursor = span.after;
  while (cursor < until) {
    const page = await repository.events(cursor, Math.min(PAST_PAGE, until - cursor));
    for (const event of page) {
      if (event.revision !== cursor + 1) return false;
      if (counts(event)) foldInto(state, event);
      cursor = event.revision;
    }
    if (page.length === 0) return false;
  }
  return true;
}

/**
 * Computes the state that a placement decision looked at: all up to `basis`, and of what follows
 * before `revision` only the placements, which are those of the same batch. Whatever else was on
 * its way to the disk meanwhile had not been seen. Takes time in proportion to the log.
 *
 * @returns undefined when the log no longer reaches back so far.
 */
export async function replay(
  log: { readonly repository: LogReader; readonly floor: () => number },
  decision: { readonly basis: number; readonly revision: number },
): Promise<PastState | undefined> {
  const floor = log.floor();
  const { basis, revision } = decision;
  if (basis < floor) return undefined;
  const state = await readBase(log.repository);
  const isWhole = await foldLog(
    log.repository,
    {
      after: floor,
      until: revision - 1,
      counts: (event) => event.revision <= basis || event.type === 'task-scheduled',
    },
    state,
  );
  // What was pruned while it was read leaves base and log without a fit.
  return isWhole && log.floor() === floor ? state : undefined;
}

/** Changes maps of tasks and nodes by one event. */
export function foldInto(state: State, event: CubeEvent): void {
  if (event.taskId !== undefined) {
    const task = foldTask(state.tasks.get(event.taskId), event);
    if (task === undefined) state.tasks.delete(event.taskId);
    else state.tasks.set(event.taskId, task);
  } else if (event.node !== undefined && event.facts !== undefined) {
    state.nodes.set(event.node, foldNode(state.nodes.get(event.node), event));
  }
}
