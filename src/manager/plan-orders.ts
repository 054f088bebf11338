import type { RunOrder } from '../link/protocol.ts';
import { isGivenUp, isPlaced, type Task } from '../task/task.ts';
import type { HeldAttempt, HeldAttempts, Orders } from './held-attempts.ts';

/** What planning looks at. */
export interface OrdersContext {
  readonly node: string;
  readonly held: HeldAttempts;
  readonly findTask: (id: string) => Task | undefined;
}

export interface OrdersPlan {
  readonly orders: Orders;
  /** The tasks for which there was no room: their orders follow in the next request. */
  readonly left: readonly string[];
}

/** Orders of one kind in one request at most; the rest follows in the next. */
const ORDERS_MAX = 500;

/** Specs in one request at most, in characters, well below what a worker takes in one body. */
const SPEC_CHARACTERS_MAX = 4 * 1024 ** 2;

/**
 * The orders that bring a worker from what it has of these tasks to what it should have. A pure
 * comparison: asked again after the orders were taken, it gives none.
 */
export function planOrders(taskIds: Iterable<string>, context: OrdersContext): OrdersPlan {
  const batch = new OrdersBatch();
  const left: string[] = [];
  for (const id of taskIds) {
    if (batch.isFull || !batch.add(planTask(id, context))) left.push(id);
  }
  return { orders: batch.orders, left };
}

function planTask(id: string, { node, held, findTask }: OrdersContext): Orders {
  const task = findTask(id);
  const attempts = held.ofTask(id);
  const orders: Orders = { run: [], stop: [], forget: [] };
  if (task?.status.node === node && isPlaced(task)) planCurrent(task, attempts, orders);
  for (const attempt of attempts) planHeld(attempt, { node, task }, orders);
  return orders;
}

/** As much as one request may hold. */
class OrdersBatch {
  readonly orders: Orders = { run: [], stop: [], forget: [] };
  #characters = 0;

  get isFull(): boolean {
    const { run, stop, forget } = this.orders;
    return Math.max(run.length, stop.length, forget.length) >= ORDERS_MAX;
  }

  /** @returns whether there was room for all of it. */
  add({ run, stop, forget }: Orders): boolean {
    const hasRun = run.every((order) => this.#addRun(order));
    const hasStop = fill(this.orders.stop, stop);
    return fill(this.orders.forget, forget) && hasStop && hasRun;
  }

  #addRun(order: RunOrder): boolean {
    const { run } = this.orders;
    const [first] = run;
    // A single one goes whatever its size, so that most are never measured.
    if (first !== undefined) {
      if (run.length === 1) this.#characters = sizeOf(first);
      this.#characters += sizeOf(order);
      if (this.#characters > SPEC_CHARACTERS_MAX) return false;
    }
    run.push(order);
    return true;
  }
}

/** @returns whether there was room for all of them. */
function fill<Order>(orders: Order[], more: readonly Order[]): boolean {
  orders.push(...more.slice(0, ORDERS_MAX - orders.length));
  return orders.length < ORDERS_MAX || more.length === 0;
}

function sizeOf({ spec }: RunOrder): number {
  return JSON.stringify(spec).length;
}

/**
 * Whether the current attempt is to run on: not stopped by the user, not given up as unhealthy, and
 * not to be replaced by the next one.
 */
function shouldRun(task: Task): boolean {
  const { status } = task;
  const isReplaced = status.replacing?.attempt === status.attempt;
  return status.desired === 'running' && !isGivenUp(task) && !isReplaced;
}

function planCurrent(task: Task, attempts: readonly HeldAttempt[], orders: Orders): void {
  const key = { taskId: task.id, attempt: task.status.attempt };
  const attempt = attempts.find((one) => one.attempt === key.attempt);
  if (shouldRun(task)) {
    // What ran and is not known there now may not be started again as the same attempt.
    const isMissing = attempt === undefined && task.status.state === 'scheduled';
    if (isMissing || attempt?.phase === 'orphan') orders.run.push({ ...key, spec: task.spec });
  } else if (attempt?.stopOrdered !== true && attempt?.phase !== 'ended') {
    orders.stop.push({ ...key, runtime: task.spec.runtime });
  }
}

function planHeld(
  attempt: HeldAttempt,
  { node, task }: { readonly node: string; readonly task: Task | undefined },
  orders: Orders,
): void {
  const key = { taskId: attempt.taskId, attempt: attempt.attempt };
  const isHere = task !== undefined && task.status.node === node;
  const isCurrent = isHere && task.status.attempt === attempt.attempt;
  if (isCurrent && isPlaced(task)) return;
  // A successor that is about to start here takes over what the older attempt leaves, such as its
  // anonymous volumes; until then the older one is only stopped.
  const isNeededBySuccessor = isHere && task.status.state === 'scheduled';
  if (isCurrent || isNeededBySuccessor) {
    if (!attempt.stopOrdered && attempt.phase !== 'ended') {
      orders.stop.push({ ...key, runtime: task.spec.runtime });
    }
  } else {
    // Only a task that is gone takes what it has written with it, never one that has moved.
    orders.forget.push(task === undefined ? { ...key, dropVolumes: true } : key);
  }
}
