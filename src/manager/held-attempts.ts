import type { Assignments, AttemptKey, AttemptPhase, Observation } from '../link/protocol.ts';

/** What the manager believes a worker has of one attempt. */
export interface HeldAttempt extends AttemptKey {
  /** `ordered`: the worker has the order on its disk. `orphan`: it runs, but without a record. */
  readonly phase: AttemptPhase | 'ordered' | 'orphan';
  /** The worker has been told, and has on its disk, that it must not run. */
  readonly stopOrdered: boolean;
}

export type Orders = Pick<Assignments, 'run' | 'stop' | 'forget'>;

/** What the manager believes one worker has, by task: of most tasks that is a single attempt. */
export class HeldAttempts {
  readonly #byTask = new Map<string, readonly HeldAttempt[]>();

  constructor(attempts: Iterable<HeldAttempt> = []) {
    for (const attempt of attempts) this.#put(attempt);
  }

  /** The tasks of which the worker has an attempt. */
  taskIds(): Iterable<string> {
    return this.#byTask.keys();
  }

  ofTask(taskId: string): readonly HeldAttempt[] {
    return this.#byTask.get(taskId) ?? none;
  }

  find({ taskId, attempt }: AttemptKey): HeldAttempt | undefined {
    return this.ofTask(taskId).find((one) => one.attempt === attempt);
  }

  /** The worker says this of an attempt. */
  observe(seen: Observation): void {
    const { taskId, attempt, phase } = seen;
    const stopOrdered = this.find(seen)?.stopOrdered ?? false;
    this.#put({ taskId, attempt, phase, stopOrdered });
  }

  /** The worker has found it without a record. */
  findOrphan({ taskId, attempt }: AttemptKey): void {
    this.#put({ taskId, attempt, phase: 'orphan', stopOrdered: false });
  }

  /** The worker has these orders on its disk. */
  takeOrders({ run, stop, forget }: Orders): void {
    for (const { taskId, attempt } of run) {
      const phase = this.find({ taskId, attempt })?.phase;
      // A report may have overtaken the confirmation of the order.
      if (phase !== undefined && phase !== 'orphan') continue;
      this.#put({ taskId, attempt, phase: 'ordered', stopOrdered: false });
    }
    for (const { taskId, attempt } of stop) {
      const phase = this.find({ taskId, attempt })?.phase ?? 'ordered';
      this.#put({ taskId, attempt, phase, stopOrdered: true });
    }
    for (const key of forget) this.#remove(key);
  }

  #put(attempt: HeldAttempt): void {
    const { taskId } = attempt;
    const others = this.#byTask.get(taskId)?.filter((one) => one.attempt !== attempt.attempt);
    this.#byTask.set(taskId, others === undefined ? [attempt] : [...others, attempt]);
  }

  #remove({ taskId, attempt }: AttemptKey): void {
    const others = this.ofTask(taskId).filter((one) => one.attempt !== attempt);
    if (others.length === 0) this.#byTask.delete(taskId);
    else this.#byTask.set(taskId, others);
  }
}

const none: readonly HeldAttempt[] = [];
