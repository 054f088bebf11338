import { Worker } from 'node:worker_threads';
import { messageOf } from '../../errors/cube-error.ts';
import type { SeedReport } from '../run-seed.ts';

/** The same module runs from the sources and from the build. */
const THREAD_URL = new URL(
  import.meta.url.endsWith('.ts') ? './seed-thread.ts' : './seed-thread.js',
  import.meta.url,
);

/** What a seed came to, or why its thread died of it. */
export type SeedOutcome =
  | { readonly seed: number; readonly report: SeedReport }
  | { readonly seed: number; readonly crash: string };

/**
 * Runs seeds on threads, each one after the other, and gives what they came to as they end. Ends
 * early, and the threads with it, when whoever reads has seen enough.
 */
export async function* runOnThreads(
  seeds: Iterable<number>,
  threadCount: number,
): AsyncGenerator<SeedOutcome> {
  const source = seeds[Symbol.iterator]();
  const threads = new Set<SeedThread>();
  const pending = new Map<SeedThread, Promise<[SeedThread, SeedOutcome]>>();
  const next = (thread: SeedThread): void => {
    const { value, done } = source.next();
    if (done === true) pending.delete(thread);
    else
      pending.set(
        thread,
        thread.run(value).then((outcome) => [thread, outcome]),
      );
  };
  const open = (): void => {
    const thread = new SeedThread();
    threads.add(thread);
    next(thread);
  };
  try {
    for (let count = 0; count < threadCount; count += 1) open();
    while (pending.size > 0) {
      const [thread, outcome] = await Promise.race(pending.values());
      if ('crash' in outcome) {
        threads.delete(thread);
        pending.delete(thread);
        open();
      } else {
        next(thread);
      }
      yield outcome;
    }
  } finally {
    await Promise.all([...threads].map((thread) => thread.close()));
  }
}

class SeedThread {
  readonly #worker = new Worker(THREAD_URL, {
    name: 'cube-simulation',
    execArgv: ['--disable-warning=ExperimentalWarning'],
  });

  run(seed: number): Promise<SeedOutcome> {
    const worker = this.#worker;
    return new Promise((resolve) => {
      const onMessage = (report: SeedReport): void => end({ seed, report });
      const onError = (error: unknown): void => end({ seed, crash: messageOf(error) });
      const onExit = (): void => end({ seed, crash: 'its thread ended' });
      const end = (outcome: SeedOutcome): void => {
        worker.off('message', onMessage).off('error', onError).off('exit', onExit);
        resolve(outcome);
      };
      worker.once('message', onMessage).once('error', onError).once('exit', onExit);
      worker.postMessage(seed);
    });
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}
