import { type FSWatcher, watch } from 'node:fs';
import type { Logger } from '../../lib/logger.ts';
import type { InstanceKey } from '../runtime.ts';
import { parseInstanceName } from './instance-directory.ts';

/** Tells when the shim of an instance has written its exit code: one watch for all of them. */
export class ExitWatch {
  readonly #watcher: FSWatcher | undefined;
  readonly #waiters = new Map<string, Set<() => void>>();

  /** Where the machine has no watch left to give, a slow poll must do. */
  constructor(
    directory: string,
    options: { readonly logger: Logger; readonly onExit: (key: InstanceKey) => void },
  ) {
    const { logger, onExit } = options;
    const onError = (error: unknown): void => {
      logger.warn({ err: error, directory }, 'Ends of processes are noticed late: no watch.');
    };
    try {
      this.#watcher = watch(directory, { persistent: false }, (_, name) => {
        const key = name === null ? undefined : parseInstanceName(name);
        if (name === null || key === undefined) return;
        for (const wake of this.#waiters.get(name) ?? []) wake();
        onExit(key);
      });
      this.#watcher.on('error', onError);
    } catch (error) {
      this.#watcher = undefined;
      onError(error);
    }
  }

  /** Calls `wake` whenever the exit file of the instance changes, until the result is called. */
  subscribe(name: string, wake: () => void): () => void {
    const waiters = this.#waiters.get(name) ?? new Set();
    this.#waiters.set(name, waiters.add(wake));
    return () => {
      waiters.delete(wake);
      if (waiters.size === 0) this.#waiters.delete(name);
    };
  }

  close(): void {
    this.#watcher?.close();
  }
}
