import type { CubeClient } from '../../src/client/cube-client.ts';

/** Follows what happens to tasks, over the event stream. */
export class TaskWatch {
  readonly #started = new Map<string, number>();
  readonly #ended = new Set<string>();
  readonly #abort = new AbortController();
  #waiter: (() => void) | undefined;
  #fault: unknown;
  readonly #following: Promise<void>;

  constructor(client: CubeClient, after: number) {
    this.#following = this.#follow(client, after).catch((error: unknown) => {
      if (this.#abort.signal.aborted) return;
      this.#fault = error;
      this.#waiter?.();
    });
  }

  /** Resolves when so many tasks run in this attempt. */
  untilRunning(count: number, attempt: number): Promise<void> {
    return this.#until(() => {
      const running = [...this.#started.values()].filter((one) => one === attempt);
      return running.length === count;
    });
  }

  untilEnded(count: number): Promise<void> {
    return this.#until(() => this.#ended.size === count);
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#following;
  }

  async #follow(client: CubeClient, after: number): Promise<void> {
    const types = ['task-started', 'task-completed', 'task-failed'] as const;
    for await (const event of client.events({ after, types, signal: this.#abort.signal })) {
      if (event.taskId === undefined) continue;
      if (event.type === 'task-started') this.#started.set(event.taskId, event.attempt ?? 0);
      if (event.type === 'task-completed') this.#ended.add(event.taskId);
      this.#waiter?.();
    }
  }

  async #until(isSo: () => boolean): Promise<void> {
    while (!isSo()) {
      if (this.#fault !== undefined) throw this.#fault;
      await new Promise<void>((resolve) => {
        this.#waiter = resolve;
      });
    }
  }
}
