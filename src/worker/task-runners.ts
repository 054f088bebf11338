import type { AttemptKey } from '../link/protocol.ts';
import type { AttemptChange } from './attempt-book.ts';
import { type RunnerContext, TaskRunner } from './task-runner.ts';

/** The runners of all tasks about which something is to be done; idle ones are let go. */
export class TaskRunners {
  readonly #context: RunnerContext;
  readonly #runners = new Map<string, TaskRunner>();
  #isStopped = false;

  constructor(context: RunnerContext) {
    this.#context = context;
  }

  wake(taskId: string): void {
    if (this.#isStopped) return;
    let runner = this.#runners.get(taskId);
    if (runner === undefined) {
      runner = new TaskRunner(taskId, this.#context, () => this.#runners.delete(taskId));
      this.#runners.set(taskId, runner);
    }
    runner.wake();
  }

  /** An attempt has begun to run. Whoever is starting it looks at it anyhow, once it is started. */
  wakeOnStart({ taskId, attempt }: AttemptKey): void {
    if (this.#runners.get(taskId)?.isStarting(attempt) !== true) this.wake(taskId);
  }

  /** Wakes where what is wanted has changed; what is observed is written by the runners. */
  onChanges(changes: readonly AttemptChange[]): void {
    for (const { before, after } of changes) {
      if (after !== undefined && after.desired !== before?.desired) this.wake(after.taskId);
    }
  }

  /** Starts in flight are broken off; the next start of the worker goes on with them. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(Array.from(this.#runners.values(), (runner) => runner.stop()));
  }
}
