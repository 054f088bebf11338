import { isCubeError } from '../../errors/cube-error.ts';
import type { Task } from '../../task/task.ts';
import { findUnexplained, type Operation } from './linearize.ts';
import { type TaskAction, type TaskSight, taskModel } from './task-model.ts';

/** As much of a task as replies are judged by. */
export type ShownTask = Pick<Task, 'id' | 'revision'> & {
  readonly status: Pick<Task['status'], 'desired'>;
};

/**
 * What clients asked about each task and what they were told, in the order in which it happened.
 * All clients must live in one process, since a count of what happens there is the only clock. A
 * request that fails without a word about the task may have been carried out, or may be yet.
 */
export class RequestHistory {
  /** Whether the network may carry a request a second time, at any later moment. */
  readonly isRepeating: boolean;
  #time = 0;
  readonly #operations = new Map<string, Operation<TaskAction>[]>();

  constructor(options: { readonly isRepeating?: boolean } = {}) {
    this.isRepeating = options.isRepeating ?? false;
  }

  /** How many requests there are, reads that came with other replies included. */
  get count(): number {
    return [...this.#operations.values()].reduce((sum, { length }) => sum + length, 0);
  }

  /** Notes a submission and what becomes of it. @throws what `ask` throws. */
  async submit<Reply extends { readonly task: ShownTask; readonly created: boolean }>(
    id: string,
    ask: () => Promise<Reply>,
  ): Promise<Reply> {
    const end = this.#begin(id, { type: 'submit', outcome: 'unknown' });
    try {
      const reply = await ask();
      end({ type: 'submit', outcome: reply.created ? 'created' : 'existed' }, reply.task);
      return reply;
    } catch (error) {
      if (isCubeError(error, 'pruned')) end({ type: 'submit', outcome: 'pruned' });
      throw error;
    }
  }

  /** Notes the stop of a task and what becomes of it. @throws what `ask` throws. */
  async stop<Shown extends ShownTask>(id: string, ask: () => Promise<Shown>): Promise<Shown> {
    const end = this.#begin(id, { type: 'stop', outcome: 'unknown' });
    try {
      const task = await ask();
      const isStopped = task.status.desired === 'stopped';
      end({ type: 'stop', outcome: isStopped ? 'stopped' : 'ended' }, task);
      return task;
    } catch (error) {
      const outcome = absence(error);
      if (outcome !== undefined) end({ type: 'stop', outcome });
      throw error;
    }
  }

  /** Notes what is told of one task. @throws what `ask` throws. */
  async read<Shown extends ShownTask>(id: string, ask: () => Promise<Shown>): Promise<Shown> {
    const call = this.#tick();
    try {
      const task = await ask();
      this.#add(id, {
        call,
        reply: this.#tick(),
        action: { type: 'read', outcome: sightOf(task) },
      });
      return task;
    } catch (error) {
      const outcome = absence(error);
      if (outcome !== undefined) {
        this.#add(id, { call, reply: this.#tick(), action: { type: 'read', outcome } });
      }
      throw error;
    }
  }

  /** Notes what a page of a list shows of its tasks. @throws what `ask` throws. */
  async readPage<Page>(
    ask: () => Promise<Page>,
    tasksOf: (page: Page) => readonly ShownTask[],
  ): Promise<Page> {
    const call = this.#tick();
    const page = await ask();
    const reply = this.#tick();
    for (const task of tasksOf(page)) {
      this.#add(task.id, { call, reply, action: { type: 'read', outcome: sightOf(task) } });
    }
    return page;
  }

  /** The tasks of which somebody was told what no single copy could have told. */
  violations(): readonly string[] {
    return [...this.#operations].flatMap(([id, operations]) => {
      const stuck = findUnexplained(operations, taskModel);
      if (stuck === undefined) return [];
      const { type, outcome } = stuck.action;
      const told = typeof outcome === 'string' ? outcome : JSON.stringify(outcome);
      return [
        `[linearizable] task ${id}: no order of its ${operations.length} requests explains ` +
          `that a ${type} was answered with ${told}`,
      ];
    });
  }

  /** Without its end a request stays open: nobody knows whether and when it takes effect. */
  #begin(id: string, unknown: TaskAction): (action: TaskAction, task?: ShownTask) => void {
    const operations = this.#of(id);
    const call = this.#tick();
    const open = { call, reply: Number.POSITIVE_INFINITY, action: unknown };
    const index = operations.push(open) - 1;
    return (action, task) => {
      const reply = this.#tick();
      operations[index] = { call, reply, action };
      if (this.isRepeating) operations.push(open);
      if (task === undefined) return;
      operations.push({ call, reply, action: { type: 'read', outcome: sightOf(task) } });
    };
  }

  #add(id: string, operation: Operation<TaskAction>): void {
    this.#of(id).push(operation);
  }

  #of(id: string): Operation<TaskAction>[] {
    const operations = this.#operations.get(id) ?? [];
    this.#operations.set(id, operations);
    return operations;
  }

  #tick(): number {
    this.#time += 1;
    return this.#time;
  }
}

function sightOf({ revision, status }: ShownTask): TaskSight {
  return { revision, isStopped: status.desired === 'stopped' };
}

function absence(error: unknown): 'not-found' | 'pruned' | undefined {
  if (isCubeError(error, 'not-found')) return 'not-found';
  return isCubeError(error, 'pruned') ? 'pruned' : undefined;
}
