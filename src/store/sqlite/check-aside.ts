import type { StoreFault } from './store-message.ts';
import { runFaultThread } from './thread-verdict.ts';

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
  return runFaultThread(THREAD_URL, { name: 'cube-check', data: path });
}
