import type { CubeEvent } from '../event/event.ts';
import type { Assignments, AttemptKey, StreamItem } from '../link/protocol.ts';
import type { SimulatedRecord } from '../runtime/simulated/simulated-world.ts';
import type { Task } from '../task/task.ts';
import { isOnItsWay } from './invariants/drain-rules.ts';
import type { LogWatch } from './invariants/log-watch.ts';

/** Situations that a batch of seeds must bring about; otherwise it proves little. */
export const situationNames = [
  'an older attempt was reported after a newer one was placed',
  'an order to stop arrived again',
  'an order to run arrived again',
  'orders of an earlier reign were refused',
  'a worker died between a start and the record of it',
  'a manager died, and what it was writing was written',
  'a manager died, and what it was writing was not written',
  'a manager started while another still ran',
  'two attempts of a task ran at once',
  'a node went down and came back',
  'a task was stopped before it was placed',
  'a task was stopped while it started',
  'a task waited for room',
  'an attempt ended and nobody knows how',
  'a start succeeded and was told as failed',
  'a submission was repeated',
  'a submission of a pruned task was refused',
  'a follower lagged behind what is kept of the log',
  'a task that was given to a worker directly was started again',
  'a request was handled, and its reply broke off',
  'a request was taken and never answered',
  'a stream stalled without closing',
  'a stream ended before what was sent on it',
  'a task was moved off a drained node',
  'a restart was asked for while the node was silent',
  'a drain and a crash of the manager met',
] as const;

export type Situation = (typeof situationNames)[number];

/** Recognises and counts the named situations of one run. */
export class Situations {
  readonly counts = new Map<Situation, number>();
  readonly #log: LogWatch;
  readonly #ordered = new Set<string>();
  readonly #wasDown = new Set<string>();
  /** Attempts that run, by task. */
  readonly #running = new Map<string, Set<number>>();

  constructor(log: LogWatch) {
    this.#log = log;
  }

  count(situation: Situation): void {
    this.counts.set(situation, (this.counts.get(situation) ?? 0) + 1);
  }

  onEvent(event: CubeEvent): void {
    const { type, node = '', before, status } = event;
    if (type === 'node-went-down') this.#wasDown.add(node);
    if (type === 'node-came-up' && this.#wasDown.delete(node)) {
      this.count('a node went down and came back');
    }
    this.#onSteered(event);
    if (type === 'task-waiting') this.count('a task waited for room');
    if (type === 'task-stop-requested') {
      if (before === 'pending') this.count('a task was stopped before it was placed');
      if (before === 'scheduled') this.count('a task was stopped while it started');
    }
    if (status?.exitCode === 'unknown') this.count('an attempt ended and nobody knows how');
  }

  #onSteered({ type, node = '', actor, epoch, reason }: CubeEvent): void {
    const { tasks, nodes } = this.#log;
    const { liveness = 'up' } = nodes.get(node) ?? {};
    if (type === 'task-displaced' && reason?.code === 'node-drained') {
      this.count('a task was moved off a drained node');
    }
    if (type === 'task-restart-requested' && actor === 'user' && liveness !== 'up') {
      this.count('a restart was asked for while the node was silent');
    }
    const isMoving = (task: Task): boolean => isOnItsWay(task, task.status.replacing?.node ?? '');
    if (epoch !== undefined && [...tasks.values()].some(isMoving)) {
      this.count('a drain and a crash of the manager met');
    }
  }

  onReport(item: StreamItem): void {
    if (item.type !== 'report') return;
    const { taskId, attempt } = item.observation;
    const newest = this.#log.tasks.get(taskId)?.status.attempt ?? 0;
    if (attempt < newest) this.count('an older attempt was reported after a newer one was placed');
  }

  onOrders(worker: string, { run, stop, forget }: Assignments): void {
    for (const one of run) this.#countAgain('an order to run arrived again', [worker, 'run', one]);
    for (const one of [...stop, ...forget]) {
      this.#countAgain('an order to stop arrived again', [worker, 'stop', one]);
    }
  }

  onWorld({ taskId, attempt, type }: SimulatedRecord): void {
    const running = this.#running.get(taskId) ?? new Set();
    this.#running.set(taskId, running);
    if (type === 'ended' || type === 'removed') running.delete(attempt);
    if (type !== 'started') return;
    if (running.size > 0) this.count('two attempts of a task ran at once');
    running.add(attempt);
  }

  #countAgain(situation: Situation, [worker, what, key]: [string, string, AttemptKey]): void {
    const order = `${worker} ${what} ${key.taskId}/${key.attempt}`;
    if (this.#ordered.has(order)) this.count(situation);
    this.#ordered.add(order);
  }
}
