import type { CubeEvent } from '../event/event.ts';
import type { Node } from '../node/node.ts';
import { isFinal, isPlaced, type Task } from '../task/task.ts';
import type { TaskState } from '../task/task-state.ts';
import { NodeTable } from './node-table.ts';

/** What may be read of the state, durable or as it will be. */
export interface StateView {
  findTask(id: string): Task | undefined;
  findNode(name: string): Node | undefined;
}

/** One event with what it made of its task or node. */
export interface AppliedEvent {
  readonly event: CubeEvent;
  /** The task after the event; undefined when it was pruned or the event is not of a task. */
  readonly task?: Task | undefined;
  /** The task before the event; undefined in its first. */
  readonly taskBefore?: Task | undefined;
  readonly node?: Node | undefined;
  /** The node before the event; undefined in its first. */
  readonly nodeBefore?: Node | undefined;
}

/**
 * The durable state in memory, with the indices that loops and routes ask. It holds no fact that
 * cannot be computed again from the store.
 */
export class ClusterState implements StateView {
  readonly #tasks = new Map<string, Task>();
  readonly #nodes = new NodeTable();
  readonly #placedByNode = new Map<string, Set<string>>();
  readonly #waiting = new Set<string>();
  readonly #finished = new Set<string>();
  readonly #prunedIds = new Set<string>();
  #attemptFloor = 0;
  readonly #counts: Record<TaskState, number> = {
    pending: 0,
    scheduled: 0,
    running: 0,
    completed: 0,
    failed: 0,
  };
  #revision = 0;
  #floor = 0;
  #lastNode: string | undefined;

  /** The newest revision that is durable. */
  get revision(): number {
    return this.#revision;
  }

  /** The newest revision that was pruned from the log; 0 while none was. */
  get floor(): number {
    return this.#floor;
  }

  /** The node of the latest placement. */
  get lastNode(): string | undefined {
    return this.#lastNode;
  }

  get taskCount(): number {
    return this.#tasks.size;
  }

  get taskCounts(): Readonly<Record<TaskState, number>> {
    return { ...this.#counts };
  }

  findTask(id: string): Task | undefined {
    return this.#tasks.get(id);
  }

  findNode(name: string): Node | undefined {
    return this.#nodes.find(name);
  }

  /** Every task, in the order in which they were submitted. */
  tasks(): Iterable<Task> {
    return this.#tasks.values();
  }

  /** Every node, in the order of their names. */
  nodes(): readonly Node[] {
    return this.#nodes.sorted();
  }

  get nodeCount(): number {
    return this.#nodes.size;
  }

  /** The names of the nodes that are being drained. */
  get drainingNodes(): ReadonlySet<string> {
    return this.#nodes.draining;
  }

  /** The nodes as which one worker is known, by its id. */
  nodesOfWorker(id: string): readonly Node[] {
    return this.#nodes.ofWorker(id);
  }

  /** Ids of the tasks whose current attempt is placed on the node and has not ended. */
  placedOn(node: string): ReadonlySet<string> {
    return this.#placedByNode.get(node) ?? new Set();
  }

  /** Ids of the tasks that want a node, now or when their restart is due. */
  get waiting(): ReadonlySet<string> {
    return this.#waiting;
  }

  /** Ids of the tasks that have ended for good, oldest end first. */
  get finished(): ReadonlySet<string> {
    return this.#finished;
  }

  /** Ids of the tasks that were pruned, as far as they are kept, oldest first. */
  get prunedIds(): ReadonlySet<string> {
    return this.#prunedIds;
  }

  /** Attempts are numbered from above this on; 0 unless the data were restored from a backup. */
  get attemptFloor(): number {
    return this.#attemptFloor;
  }

  /** The records of these pruned ids are gone. Only the retention loop calls this. */
  forgetPruned(ids: readonly string[]): void {
    for (const id of ids) this.#prunedIds.delete(id);
  }

  /** Fills the state from the store at start. */
  restore(stored: {
    readonly revision: number;
    readonly floor: number;
    readonly tasks: readonly Task[];
    readonly nodes: readonly Node[];
    readonly prunedIds: readonly string[];
    readonly attemptFloor?: number;
  }): void {
    this.#attemptFloor = stored.attemptFloor ?? 0;
    this.#revision = stored.revision;
    this.#floor = stored.floor;
    for (const id of stored.prunedIds) this.#prunedIds.add(id);
    let latest = 0;
    const byEnd = [...stored.tasks].sort((a, b) => a.revision - b.revision);
    for (const task of stored.tasks) this.#tasks.set(task.id, task);
    for (const task of byEnd) {
      this.#index(task);
      // The exact turn of a policy is not worth a record: the latest change comes near enough.
      if (isPlaced(task) && task.revision > latest) {
        latest = task.revision;
        this.#lastNode = task.status.node;
      }
    }
    for (const node of stored.nodes) this.#nodes.set(node);
  }

  /** Takes over an event that has become durable. Only commit calls this. */
  apply(applied: AppliedEvent): void {
    const { event } = applied;
    this.#revision = event.revision;
    if (event.floor !== undefined) this.#floor = event.floor;
    if (event.taskId !== undefined) {
      const before = this.#tasks.get(event.taskId);
      if (before !== undefined) this.#unindex(before);
      if (applied.task === undefined) {
        this.#tasks.delete(event.taskId);
        this.#prunedIds.add(event.taskId);
      } else {
        this.#tasks.set(event.taskId, applied.task);
        this.#index(applied.task);
      }
      if (event.type === 'task-scheduled') this.#lastNode = event.node;
    } else if (applied.node !== undefined) {
      this.#nodes.set(applied.node);
    }
  }

  #index(task: Task): void {
    const { status, id } = task;
    this.#counts[status.state] += 1;
    if (isPlaced(task) && status.node !== undefined) {
      const placed = this.#placedByNode.get(status.node) ?? new Set();
      this.#placedByNode.set(status.node, placed.add(id));
    } else if (isFinal(task)) {
      this.#finished.add(id);
    } else if (status.desired === 'running') {
      this.#waiting.add(id);
    }
  }

  #unindex(task: Task): void {
    const { status, id } = task;
    this.#counts[status.state] -= 1;
    if (status.node !== undefined) this.#placedByNode.get(status.node)?.delete(id);
    this.#waiting.delete(id);
    this.#finished.delete(id);
  }
}
