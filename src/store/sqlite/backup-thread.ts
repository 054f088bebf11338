import { workerData } from 'node:worker_threads';
import { type FreshCopy, sealBackup } from './backup-file.ts';
import { tellFault } from './thread-verdict.ts';

// Reading every record of a copy takes seconds, in which neither the store nor the program around
// it may be held up; hence a thread for it.
const copy: FreshCopy = workerData;
await tellFault(
  async () => {
    await sealBackup(copy);
  },
  { what: 'seal the copy of', path: copy.dataPath, isFatal: false },
);
