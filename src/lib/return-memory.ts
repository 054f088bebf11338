import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** With more than this in use nothing is returned, as it would hold up the thread, in bytes. */
const USED_BYTES_MAX = 64 * 1024 * 1024;

interface Collection {
  readonly type: 'major';
  readonly execution: 'sync';
  readonly flavor: 'last-resort';
}

/**
 * Gives the system back what the start of this thread has grown. The heap of young objects grows
 * while modules are loaded, to 16 MiB and more, and V8 shrinks it again only in a collection for
 * want of memory, which a program at rest never comes to. Holds up the thread for some 40 ms; so it
 * is for a moment in which nothing is asked of it.
 */
export function returnMemory(): void {
  if (getHeapStatistics().used_heap_size > USED_BYTES_MAX) return;
  // The one way to a collection without a flag at the start of Node: a context that is made once
  // the flag is set has the function.
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as (options: Collection) => void;
  setFlagsFromString('--no-expose-gc');
  collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
}
