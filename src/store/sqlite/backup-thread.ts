import { parentPort, workerData } from 'node:worker_threads';
import { assert } from '../../lib/assert.ts';
import { type FreshCopy, sealBackup } from './backup-file.ts';
import { toStorageError } from './storage-error.ts';
import type { StoreFault } from './store-message.ts';

/** Without a fault, the copy is sealed. */
export interface BackupThreadMessage {
  readonly fault?: StoreFault;
}

/**
 * Reading every record of a copy takes seconds, in which neither the store nor the program around
 * it may be held up; hence a thread for it.
 */
async function main(copy: FreshCopy): Promise<void> {
  assert(parentPort !== null, 'a copy is sealed in a thread of its own');
  let message: BackupThreadMessage = {};
  try {
    await sealBackup(copy);
  } catch (error) {
    const { code, message: text, hint } = toStorageError(error, 'seal the copy of', copy.dataPath);
    message = { fault: { code, message: text, hint, isFatal: false } };
  }
  parentPort.postMessage(message);
}

await main(workerData);
