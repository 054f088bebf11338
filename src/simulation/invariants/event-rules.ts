import type { CubeEvent, EventType } from '../../event/event.ts';
import { isPlaced, type Task } from '../../task/task.ts';

/** An event of a task, and the task before and after it. */
export interface TaskChange {
  readonly event: CubeEvent;
  readonly before: Task | undefined;
  readonly after: Task | undefined;
}

/** Who alone may bring a change about, by the first word of the actor. */
const actors: { readonly [Type in EventType]?: readonly string[] } = {
  'task-submitted': ['user'],
  'task-stop-requested': ['user'],
  'task-restart-requested': ['user', 'manager'],
  'task-waiting': ['scheduler'],
  'task-scheduled': ['scheduler'],
  'task-started': ['worker'],
  'task-progressed': ['worker'],
  'task-health-changed': ['worker'],
  'task-displaced': ['worker', 'manager'],
  // The worker saw it end, or the manager gave it up, or it was stopped before it was placed.
  'task-completed': ['worker', 'manager'],
  'task-failed': ['worker', 'manager'],
  'task-pruned': ['manager'],
};

/**
 * What one event of a task breaks of that which holds for every event by itself, each as the name
 * of its invariant and what is wrong.
 */
export function brokenRules(change: TaskChange): readonly (readonly [string, string])[] {
  const { event, before, after } = change;
  const found: (readonly [string, string])[] = [];
  const [actor = ''] = event.actor.split(' ');
  if (actors[event.type]?.includes(actor) === false) {
    found.push(['transition', `${event.type} by ${event.actor}`]);
  }
  if (event.type === 'task-waiting' && (event.reason?.message ?? '') === '') {
    found.push(['reason', 'it waits without a reason']);
  }
  if (before === undefined) return found;
  if (event.spec !== undefined) found.push(['spec-immutable', 'a later event carries a spec']);
  if (after !== undefined) found.push(...brokenByStep(event, before, after));
  return found;
}

function* brokenByStep(
  event: CubeEvent,
  before: Task,
  after: Task,
): Generator<readonly [string, string]> {
  const [from, to] = [before.status, after.status];
  if (after.spec !== before.spec) yield ['spec-immutable', 'the fold changes the spec'];
  const isRestart = event.type === 'task-scheduled' && from.attempt > 0;
  const restartCount = from.restartCount + (isRestart ? 1 : 0);
  if (to.restartCount !== restartCount) {
    yield ['counts', `${to.restartCount} restarts are counted, not ${restartCount}`];
  }
  const { attempt = to.attempt, status = {} } = event;
  if (attempt < to.attempt && Object.keys(status).length > 0) {
    yield ['attempt-monotone', `what attempt ${attempt} did changes attempt ${to.attempt}`];
  }
  if (to.attempt !== from.attempt) return;
  if (from.runtimeId !== undefined && to.runtimeId !== from.runtimeId && isPlaced(after)) {
    yield ['adopt', `attempt ${attempt} was ${from.runtimeId} and is ${to.runtimeId}`];
  }
  if (to.node !== from.node) {
    yield ['attempt-monotone', `attempt ${attempt} moves from ${from.node} to ${to.node}`];
  }
}
