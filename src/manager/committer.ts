import { CubeError, isCubeError, messageOf } from '../errors/cube-error.ts';
import type { CubeEvent, EventDraft } from '../event/event.ts';
import { foldNode, foldTask } from '../event/fold.ts';
import { type Clock, timestamp } from '../lib/clock.ts';
import type { Random } from '../lib/random.ts';
import type { Node } from '../node/node.ts';
import type { ManagerChanges, ManagerRepository } from '../store/manager-repository.ts';
import type { Task } from '../task/task.ts';
import type { AppliedEvent, ClusterState, StateView } from './cluster-state.ts';

/** What a proposal wants changed, and what its caller wants to know once that is durable. */
export interface Proposal<Result> {
  readonly drafts: readonly EventDraft[];
  readonly result: Result;
  /**
   * Whether it answers a client: where nothing is to be changed, it is still made sure that this
   * manager reigns, since one that was replaced knows only how things were. Default: false.
   */
  readonly isAnswer?: boolean;
  /** Records beside tasks, nodes and events that belong to the same transaction. */
  readonly extra?: ManagerChanges['extra'];
}

export interface CommitterOptions {
  readonly state: ClusterState;
  readonly repository: Pick<ManagerRepository, 'save' | 'shortage' | 'watchesRoom'>;
  readonly clock: Clock;
  readonly random: Random;
  /** Told of each group after it is durable and applied. */
  readonly publish: (group: readonly AppliedEvent[]) => void;
  /** The store can no longer be used, or another manager reigns: this one must end. */
  readonly onFatal: (error: CubeError) => void;
}

interface Staged {
  readonly applied: readonly AppliedEvent[];
  readonly extra: ManagerChanges['extra'];
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Events that share one transaction at most; what waits beyond goes into the next. */
const GROUP_EVENTS_MAX = 5000;

/**
 * The one door through which the manager's state changes: validate, make durable, apply, publish.
 *
 * A proposal sees the state as it will be when everything staged before it is durable, so that
 * proposals which meet during a flush do not contradict each other. Proposals that wait share the
 * next flush. When a flush fails, everything staged by then fails with it, since it may rest on what is lost.
 */
export class Committer {
  readonly #options: CommitterOptions;
  readonly #stagedTasks = new Map<string, Task | undefined>();
  readonly #stagedNodes = new Map<string, Node>();
  readonly #waitingForTurn: (() => void)[] = [];
  #turnCount = 0;
  #queue: Staged[] = [];
  #nextRevision: number;
  #flushing: Promise<void> | undefined;
  #closed: CubeError | undefined;
  #problem: CubeError | undefined;

  constructor(options: CommitterOptions) {
    this.#options = options;
    this.#nextRevision = options.state.revision + 1;
  }

  /**
   * Why the latest flush failed, until one succeeds again or a store that was full says that it has
   * room; or why new tasks are refused.
   */
  get problem(): CubeError | undefined {
    const { shortage, watchesRoom } = this.#options.repository;
    if (this.#problem?.code === 'storage-full' && watchesRoom) return shortage;
    return this.#problem ?? shortage;
  }

  /** How many proposals wait to be made durable. */
  get queueLength(): number {
    return this.#queue.length;
  }

  /** The state as it will be when all that is staged is durable. */
  readonly view: StateView = {
    findTask: (id) => {
      const staged = this.#stagedTasks.get(id);
      if (staged !== undefined || this.#stagedTasks.has(id)) return staged;
      return this.#options.state.findTask(id);
    },
    findNode: (name) => this.#stagedNodes.get(name) ?? this.#options.state.findNode(name),
  };

  /**
   * Asks `propose`, at once, what to change, and resolves with its result when that is durable and
   * applied. A proposal without drafts resolves when all that it has seen is durable.
   *
   * @throws whatever the proposal throws, when all that it has seen is durable: a refusal may rest on
   *   what is only staged, and could be lost yet. Nothing is changed then.
   * @throws CubeError `storage-full`, `storage-failed`, `storage-conflict` or `unavailable`.
   */
  async commit<Result>(propose: (view: StateView) => Proposal<Result>): Promise<Result> {
    if (this.#closed !== undefined) throw this.#closed;
    let proposed: Proposal<Result>;
    let applied: readonly AppliedEvent[];
    try {
      proposed = propose(this.view);
      applied = this.#stage(proposed.drafts);
    } catch (refusal) {
      if (!this.#isIdle) await this.#flushed({ applied: [], extra: undefined });
      throw refusal;
    }
    const { result, extra, isAnswer = false } = proposed;
    const isNothing = applied.length === 0 && extra === undefined;
    if (isNothing && !isAnswer && this.#isIdle) return result;
    await this.#flushed({ applied, extra });
    return result;
  }

  /** Resolves when so many more groups are durable or refused, or none is left. */
  async afterTurns(count: number): Promise<void> {
    const end = this.#turnCount + count;
    while (!this.#isIdle && this.#turnCount < end) {
      await new Promise<void>((resolve) => this.#waitingForTurn.push(resolve));
    }
  }

  get #isIdle(): boolean {
    return this.#queue.length === 0 && this.#flushing === undefined;
  }

  /** Resolves when this and all that was staged before is durable and applied. */
  #flushed(staged: Pick<Staged, 'applied' | 'extra'>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ ...staged, resolve, reject });
      this.#flushing ??= this.#flushAll();
    });
  }

  /** Refuses new proposals, and waits for those that are staged. */
  async close(): Promise<void> {
    this.#closed ??= new CubeError('unavailable', 'The manager is stopping.');
    await this.#flushing;
  }

  #stage(drafts: readonly EventDraft[]): readonly AppliedEvent[] {
    const undo = new Undo(this.#stagedTasks, this.#stagedNodes);
    const firstRevision = this.#nextRevision;
    try {
      return drafts.map((draft) => this.#stageOne(draft, undo));
    } catch (error) {
      undo.run();
      this.#nextRevision = firstRevision;
      throw error;
    }
  }

  #stageOne(draft: EventDraft, undo: Undo): AppliedEvent {
    const { clock, random } = this.#options;
    const stamp = { revision: this.#nextRevision, id: random.uuid(), time: timestamp(clock) };
    this.#nextRevision += 1;
    if (draft.taskId !== undefined) {
      const before = this.view.findTask(draft.taskId);
      const after = foldTask(before, { ...stamp, ...draft });
      undo.rememberTask(draft.taskId);
      this.#stagedTasks.set(draft.taskId, after);
      const states = {
        ...(before === undefined ? {} : { before: before.status.state, previous: before.revision }),
        ...(after === undefined ? {} : { after: after.status.state }),
      };
      const event = freeze({ ...stamp, ...draft, ...states });
      return { event, task: after, taskBefore: before };
    }
    if (draft.node !== undefined && draft.facts !== undefined) {
      const before = this.view.findNode(draft.node);
      const previous = before === undefined ? {} : { previous: before.revision };
      const event = freeze({ ...stamp, ...draft, ...previous });
      const node = foldNode(before, event);
      undo.rememberNode(draft.node);
      this.#stagedNodes.set(draft.node, node);
      return { event, node, nodeBefore: before };
    }
    return { event: freeze({ ...stamp, ...draft }) };
  }

  async #flushAll(): Promise<void> {
    // Proposals that are made in the same turn of the event loop share the first flush too.
    await null;
    while (this.#queue.length > 0) {
      const group = this.#takeGroup();
      const applied = group.flatMap((staged) => staged.applied);
      try {
        await this.#options.repository.save(toChanges(applied, group));
      } catch (error) {
        this.#fail(group, error);
        this.#endTurn();
        continue;
      }
      this.#problem = undefined;
      this.#takeOver(applied);
      for (const staged of group) staged.resolve();
      this.#endTurn();
    }
    this.#flushing = undefined;
    this.#endTurn();
  }

  #endTurn(): void {
    this.#turnCount += 1;
    for (const wake of this.#waitingForTurn.splice(0)) wake();
  }

  #takeGroup(): readonly Staged[] {
    let eventCount = 0;
    let length = 0;
    for (const staged of this.#queue) {
      if (length > 0 && eventCount + staged.applied.length > GROUP_EVENTS_MAX) break;
      eventCount += staged.applied.length;
      length += 1;
    }
    return this.#queue.splice(0, length);
  }

  /** What follows a flush must not fail: the store is ahead of the state then, and stays so. */
  #takeOver(applied: readonly AppliedEvent[]): void {
    try {
      for (const one of applied) this.#apply(one);
      this.#options.publish(applied);
    } catch (cause) {
      this.#fail([], new CubeError('internal', `The state failed: ${messageOf(cause)}`, { cause }));
    }
  }

  #apply(applied: AppliedEvent): void {
    this.#options.state.apply(applied);
    const { taskId, node } = applied.event;
    if (taskId !== undefined) {
      const isLatest = this.#stagedTasks.get(taskId) === applied.task;
      if (isLatest) this.#stagedTasks.delete(taskId);
    } else if (node !== undefined && this.#stagedNodes.get(node) === applied.node) {
      this.#stagedNodes.delete(node);
    }
  }

  #fail(group: readonly Staged[], cause: unknown): void {
    const error = isCubeError(cause)
      ? cause
      : new CubeError('internal', `The store failed: ${messageOf(cause)}`, { cause });
    const failed = [...group, ...this.#queue];
    this.#queue = [];
    this.#stagedTasks.clear();
    this.#stagedNodes.clear();
    this.#nextRevision = this.#options.state.revision + 1;
    this.#problem = error;
    const isFatal = error.code !== 'storage-full';
    if (isFatal) this.#closed = error;
    for (const staged of failed) staged.reject(error);
    if (isFatal) this.#options.onFatal(error);
  }
}

/** Puts the overlay back as it was when one event of a proposal breaks a rule. */
class Undo {
  readonly #steps: (() => void)[] = [];
  readonly #tasks: Map<string, Task | undefined>;
  readonly #nodes: Map<string, Node>;

  constructor(tasks: Map<string, Task | undefined>, nodes: Map<string, Node>) {
    this.#tasks = tasks;
    this.#nodes = nodes;
  }

  rememberTask(id: string): void {
    this.#remember(this.#tasks, id);
  }

  rememberNode(name: string): void {
    this.#remember(this.#nodes, name);
  }

  run(): void {
    for (const step of this.#steps.reverse()) step();
  }

  #remember<Value>(map: Map<string, Value>, key: string): void {
    const had = map.has(key);
    const value = map.get(key);
    this.#steps.push(() => {
      if (had) map.set(key, value as Value);
      else map.delete(key);
    });
  }
}

function toChanges(applied: readonly AppliedEvent[], group: readonly Staged[]): ManagerChanges {
  const tasks = new Map<string, Task | undefined>();
  const nodes = new Map<string, Node>();
  for (const { event, task, node } of applied) {
    if (event.taskId !== undefined) tasks.set(event.taskId, task);
    if (node !== undefined) nodes.set(node.name, node);
  }
  return {
    events: applied.map(({ event }) => event),
    tasks: [...tasks.values()].filter((task) => task !== undefined),
    nodes: [...nodes.values()],
    removedTaskIds: [...tasks].filter(([, task]) => task === undefined).map(([id]) => id),
    extra: {
      put: group.flatMap(({ extra }) => extra?.put ?? []),
      remove: group.flatMap(({ extra }) => extra?.remove ?? []),
    },
  };
}

function freeze(event: CubeEvent): CubeEvent {
  return Object.freeze(event);
}
