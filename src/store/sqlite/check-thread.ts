import { workerData } from 'node:worker_threads';
import { checkStructure } from './database.ts';
import { openForReading } from './inspect-data-file.ts';
import { tellFault } from './thread-verdict.ts';

/** Looks at every page of a large data file, which takes as long as reading it does. */
function check(path: string): void {
  const database = openForReading(path);
  try {
    checkStructure(database, path);
  } finally {
    database.close();
  }
}

const path: string = workerData;
await tellFault(() => check(path), { what: 'check', path, isFatal: true });
