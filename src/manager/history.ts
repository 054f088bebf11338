import { CubeError } from '../errors/cube-error.ts';
import type { Node, Resources } from '../node/node.ts';
import { createSnapshot } from '../scheduler/ledger.ts';
import type { Task } from '../task/task.ts';
import type { ClusterState } from './cluster-state.ts';
import { listTasks, type TaskFilter } from './list-tasks.ts';
import type { PastReader } from './past-reader.ts';
import { type Moment, type Past, PastStates } from './past-states.ts';
import { type TaskWithAge, withAge } from './task-age.ts';

/** One thing as it was at two moments; absent where it was not there. */
interface Change<Value> {
  readonly from?: Value;
  readonly to?: Value;
}

/** What differs between two revisions: tasks in the order of their submission, then nodes. */
export interface Difference {
  readonly from: number;
  readonly to: number;
  readonly tasks: readonly Change<Task>[];
  readonly nodes: readonly Change<Node>[];
}

interface PastNode {
  readonly node: Node;
  readonly committed: Resources;
  readonly taskCount: number;
}

/**
 * What the manager shows of the past, as it shows the present. Every method throws CubeError
 * `pruned`, when the log no longer reaches back so far, and `not-found` for a revision that is not
 * there yet.
 */
export class History {
  /** What all of it is read from. */
  readonly log: PastReader;
  readonly #states: PastStates;

  constructor(state: ClusterState, log: PastReader) {
    this.log = log;
    this.#states = new PastStates(state, log);
  }

  /** The newest revision at a moment. */
  resolve(moment: Moment): Promise<number> {
    return this.#states.resolve(moment);
  }

  /** One page of the tasks of then, of which the revision is told, so that the next page fits. */
  async listTasks(
    moment: Moment,
    query: TaskFilter,
  ): Promise<{ items: readonly TaskWithAge[]; cursor?: string; revision: number }> {
    const past = await this.#states.at(moment);
    const { items, ...cursor } = listTasks(past.tasks.values(), query);
    return { items: items.map((task) => ageOf(task, past)), ...cursor, revision: past.revision };
  }

  /** @throws CubeError `not-found`, when it was not there then. */
  async getTask(moment: Moment, id: string): Promise<TaskWithAge> {
    const past = await this.#states.at(moment);
    const task = past.tasks.get(id);
    if (task !== undefined) return ageOf(task, past);
    throw new CubeError('not-found', `There was no task ${id} at revision ${past.revision}.`);
  }

  async listNodes(
    moment: Moment,
  ): Promise<{ items: readonly PastNode[]; readonly revision: number }> {
    const { nodes, tasks, revision } = await this.#states.at(moment);
    const snapshot = createSnapshot({
      nodes: nodes.values(),
      tasks: tasks.values(),
      lastNode: undefined,
    });
    const items = snapshot.nodes.map(({ node, committed, taskCount }) => ({
      node,
      committed,
      taskCount,
    }));
    return { items, revision };
  }

  /** What is different at `to` from what was at `from`. */
  async difference(from: Moment, to: Moment): Promise<Difference> {
    const one = await this.#states.at(from);
    const other = await this.#states.at(to);
    return {
      from: one.revision,
      to: other.revision,
      tasks: changes(one.tasks, other.tasks),
      nodes: changes(one.nodes, other.nodes),
    };
  }
}

function ageOf(task: Task, { nodes }: Past): TaskWithAge {
  return withAge(task, task.status.node === undefined ? undefined : nodes.get(task.status.node));
}

/** What changed is another object by its revision, so that a look at each thing is enough. */
function changes<Value extends { readonly revision: number }>(
  from: ReadonlyMap<string, Value>,
  to: ReadonlyMap<string, Value>,
): readonly Change<Value>[] {
  const changed = [...from].flatMap(([key, value]) => {
    const later = to.get(key);
    if (later?.revision === value.revision) return [];
    return [later === undefined ? { from: value } : { from: value, to: later }];
  });
  const added = [...to].flatMap(([key, value]) => (from.has(key) ? [] : [{ to: value }]));
  return [...changed, ...added];
}
