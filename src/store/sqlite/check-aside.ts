import { Worker } from 'node:worker_threads';
import type { CheckThreadMessage } from './check-thread.ts';
import type { StoreFault } from './store-message.ts';

const THREAD_URL = new URL(
  import.meta.url.endsWith('.ts') ? './check-thread.ts' : './check-thread.js',
  import.meta.url,
);

/**
 * Checks the structure of a data file in a thread of its own, while this one reads it.
 *
 * @returns what the file is refused for; undefined when it is whole.
 */
export function checkAside(path: string): Promise<StoreFault | undefined> {
  const thread = new Worker(THREAD_URL, {
    name: 'cube-check',
    workerData: path,
    execArgv: ['--disable-warning=ExperimentalWarning'],
  });
  return new Promise((resolve, reject) => {
    let message: CheckThreadMessage | undefined;
    thread.once('message', (verdict: CheckThreadMessage) => {
      message = verdict;
    });
    thread.once('error', reject);
    // Not before it has let go of the file: what opens it next wants it alone.
    thread.once('exit', () => {
      if (message === undefined) reject(new Error('Broken belief: a check ends with a verdict'));
      else resolve(message.fault);
    });
  });
}
