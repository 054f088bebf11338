import { setImmediate as nextTurn } from 'node:timers/promises';

/**
 * Loads modules while a store is opened. Its thread takes as long to start as the HTTP server takes to
 * load, and has a core of its own; it is begun first, since nothing else goes on as modules load.
 */
export function loadMeanwhile<Module>(
  opening: Promise<unknown>,
  load: () => Promise<Module>,
): Promise<Module> {
  const loading = Promise.race([nextTurn(), opening]).then(load);
  // Where the store cannot be opened, nobody waits for them.
  loading.catch(() => undefined);
  return loading;
}
