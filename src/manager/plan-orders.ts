import type { Assignments, AttemptKey, AttemptPhase, Observation } from '../link/protocol.ts';
import type { Task } from '../task/task.ts';

/** What the manager believes a worker has of one attempt. */
export interface HeldAttempt extends AttemptKey {
  /** `ordered`: the worker has the order on its disk. `orphan`: it runs, but without a record. */
  readonly phase: AttemptPhase | 'ordered' | 'orphan';
  /** The worker has been told, and has on its disk, that it must not run. */
  readonly stopOrdered: boolean;
}

export type HeldAttempts = ReadonlyMap<string, HeldAttempt>;

export type Orders = Pick<Assignments, 'run' | 'stop' | 'forget'>;

/** What planning looks at. */
export interface OrdersContext {
  readonly node: string;
  /** The tasks whose current attempt is placed on the node and has not ended. */
  readonly placed: readonly Task[];
  readonly findTask: (id: string) => Task | undefined;
}

/** Orders of one kind in one request at most; the rest follows in the next. */
const ORDERS_MAX = 500;

/** Specs in one request at most, in characters, well below what a worker takes in one body. */
const SPEC_CHARACTERS_MAX = 4 * 1024 ** 2;

export function heldKey(key: AttemptKey): string {
  return `${key.taskId}/${key.attempt}`;
}

/**
 * The orders that bring a worker from what it has to what it should have. A pure comparison: asked
 * again after the orders were taken, it gives none.
 */
export function planOrders(held: HeldAttempts, context: OrdersContext): Orders {
  const orders = { run: [], stop: [], forget: [] } as {
    run: Assignments['run'];
    stop: Assignments['stop'];
    forget: Assignments['forget'];
  };
  for (const task of context.placed) planCurrent(task, held, orders);
  for (const attempt of held.values()) planHeld(attempt, context, orders);
  return {
    run: withinSize(orders.run.slice(0, ORDERS_MAX)),
    stop: orders.stop.slice(0, ORDERS_MAX),
    forget: orders.forget.slice(0, ORDERS_MAX),
  };
}

/** The first of the orders whose specs together are not too large; always at least one. */
function withinSize(run: Assignments['run']): Assignments['run'] {
  let characters = 0;
  const end = run.findIndex(({ spec }, index) => {
    characters += JSON.stringify(spec).length;
    return index > 0 && characters > SPEC_CHARACTERS_MAX;
  });
  return end === -1 ? run : run.slice(0, end);
}

/**
 * Whether the current attempt is to run on: not stopped by the user, not given up as unhealthy, and
 * not to be replaced by the next one.
 */
function shouldRun(task: Task): boolean {
  const { status, spec } = task;
  const isGivenUp = status.health === 'unhealthy' && spec.restart.policy !== 'never';
  const isReplaced = status.replacing?.attempt === status.attempt;
  return status.desired === 'running' && !isGivenUp && !isReplaced;
}

function planCurrent(task: Task, held: HeldAttempts, orders: Orders): void {
  const key = { taskId: task.id, attempt: task.status.attempt };
  const attempt = held.get(heldKey(key));
  if (shouldRun(task)) {
    // What ran and is not known there now may not be started again as the same attempt.
    const isMissing = attempt === undefined && task.status.state === 'scheduled';
    if (isMissing || attempt?.phase === 'orphan') orders.run.push({ ...key, spec: task.spec });
  } else if (attempt?.stopOrdered !== true && attempt?.phase !== 'ended') {
    orders.stop.push(key);
  }
}

function planHeld(attempt: HeldAttempt, context: OrdersContext, orders: Orders): void {
  const key = { taskId: attempt.taskId, attempt: attempt.attempt };
  const task = context.findTask(attempt.taskId);
  const isHere = task !== undefined && task.status.node === context.node;
  const isCurrent = isHere && task.status.attempt === attempt.attempt;
  const isPlacedNow = task?.status.state === 'scheduled' || task?.status.state === 'running';
  if (isCurrent && isPlacedNow) return;
  // A successor that is about to start here takes over what the older attempt leaves, such as its
  // anonymous volumes; until then the older one is only stopped.
  const isNeededBySuccessor = isHere && task.status.state === 'scheduled';
  if (isCurrent || isNeededBySuccessor) {
    if (!attempt.stopOrdered && attempt.phase !== 'ended') orders.stop.push(key);
  } else {
    // Only a task that is gone takes what it has written with it, never one that has moved.
    orders.forget.push(task === undefined ? { ...key, dropVolumes: true } : key);
  }
}

/** What is held after the worker has taken `orders`. */
export function withOrdersTaken(held: HeldAttempts, orders: Orders): Map<string, HeldAttempt> {
  const next = new Map(held);
  for (const { taskId, attempt } of orders.run) {
    const key = { taskId, attempt };
    const seen = next.get(heldKey(key));
    // A report may have overtaken the confirmation of the order.
    if (seen !== undefined && seen.phase !== 'orphan') continue;
    next.set(heldKey(key), { ...key, phase: 'ordered', stopOrdered: false });
  }
  for (const key of orders.stop) {
    const phase = next.get(heldKey(key))?.phase ?? 'ordered';
    next.set(heldKey(key), { ...key, phase, stopOrdered: true });
  }
  for (const key of orders.forget) next.delete(heldKey(key));
  return next;
}

/** What is held after an observation. */
export function withObservation(held: Map<string, HeldAttempt>, seen: Observation): void {
  const { taskId, attempt, phase } = seen;
  const key = heldKey(seen);
  const stopOrdered = held.get(key)?.stopOrdered ?? false;
  held.set(key, { taskId, attempt, phase, stopOrdered });
}
