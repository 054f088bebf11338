import { parentPort, workerData } from 'node:worker_threads';
import { assert } from '../../lib/assert.ts';
import { checkStructure } from './database.ts';
import { openForReading } from './inspect-data-file.ts';
import { toStorageError } from './storage-error.ts';
import type { StoreFault } from './store-message.ts';

/** Without a fault, the structure of the file is whole. */
export interface CheckThreadMessage {
  readonly fault?: StoreFault;
}

/** Looks at every page of a large data file, which takes as long as reading it does. */
function main(path: string): void {
  assert(parentPort !== null, 'a structure is checked in a thread of its own');
  let message: CheckThreadMessage = {};
  try {
    const database = openForReading(path);
    try {
      checkStructure(database, path);
    } finally {
      database.close();
    }
  } catch (error) {
    const { code, message: text, hint } = toStorageError(error, 'check', path);
    message = { fault: { code, message: text, hint, isFatal: true } };
  }
  parentPort.postMessage(message);
}

main(workerData);
