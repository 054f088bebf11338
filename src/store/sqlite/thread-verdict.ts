import { parentPort, Worker } from 'node:worker_threads';
import { assert } from '../../lib/assert.ts';
import { toStorageError } from './storage-error.ts';
import type { StoreFault } from './store-message.ts';

/** What such a thread says in the end. */
interface Verdict {
  readonly fault?: StoreFault;
}

/**
 * Has a thread of its own do something long to a data file, while this one goes on.
 *
 * @param name What tools for looking into the program call the thread.
 * @param data Handed to the thread, as its `workerData`.
 * @returns what went wrong there; undefined when nothing did.
 */
export function runFaultThread(
  url: URL,
  { name, data }: { readonly name: string; readonly data: unknown },
): Promise<StoreFault | undefined> {
  const thread = new Worker(url, {
    name,
    workerData: data,
    execArgv: ['--disable-warning=ExperimentalWarning'],
  });
  return new Promise((resolve, reject) => {
    let verdict: Verdict | undefined;
    thread.once('message', (message: Verdict) => {
      verdict = message;
    });
    thread.once('error', reject);
    // Not before it has let go of the file: what opens it next wants it alone.
    thread.once('exit', () => {
      if (verdict === undefined) reject(new Error(`Broken belief: ${name} ends with a verdict`));
      else resolve(verdict.fault);
    });
  });
}

/** In such a thread: does it, and says how that went. */
export async function tellFault(
  act: () => void | Promise<void>,
  /** As in an error: `check` the file at `path`. */
  { what, path, isFatal }: Pick<StoreFault, 'isFatal'> & { what: string; path: string },
): Promise<void> {
  assert(parentPort !== null, 'it is done in a thread of its own');
  let verdict: Verdict = {};
  try {
    await act();
  } catch (error) {
    const { code, message, hint } = toStorageError(error, what, path);
    verdict = { fault: { code, message, hint, isFatal } };
  }
  parentPort.postMessage(verdict);
}
