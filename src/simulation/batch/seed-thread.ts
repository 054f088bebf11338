import { parentPort } from 'node:worker_threads';
import { assert } from '../../lib/assert.ts';
import { checkSeed } from './check-seed.ts';

// The thread of a batch: it is sent a seed, and sends back its report.

const port = parentPort;
assert(port !== null, 'this module is the entry of a thread');

port.on('message', (seed: number) => {
  // What fails here ends the thread, which is told as a violation of the seed.
  void checkSeed(seed).then((report) => port.postMessage(report));
});
