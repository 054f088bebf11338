import { readdir, rename } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { CubeError, isCubeError } from '../errors/cube-error.ts';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import type { Store, StoreKind } from '../store/store.ts';

export interface OpenStoreOptions {
  readonly kind: StoreKind;
  readonly directory: string;
  readonly logger: Logger;
}

/** The manager's store. A file that is not sound is refused, and left as it is. */
export async function openManagerStore(options: OpenStoreOptions): Promise<Store> {
  const { managerCollections } = await import('../store/collections.ts');
  return openStore(options, { role: 'manager', collections: managerCollections, readsEarly: true });
}

/**
 * The worker's store. What it holds can be found again from what runs and from the manager, so a
 * damaged file is moved aside, where it can be looked at, and the worker begins anew.
 */
export async function openWorkerStore(
  options: OpenStoreOptions & { readonly clock: Clock },
): Promise<Store> {
  const { workerCollections } = await import('../store/collections.ts');
  const { loadWorkerState } = await import('../store/attempt-repository.ts');
  const parts = { role: 'worker', collections: workerCollections, readsEarly: false } as const;
  let store: Store | undefined;
  try {
    store = await openStore(options, parts);
    // Reads every record, so that what is damaged shows before anything relies on it.
    await loadWorkerState(store);
    return store;
  } catch (error) {
    await store?.close();
    if (!isCubeError(error, 'storage-damaged')) throw error;
    const aside = await setAside(pathOf(options, 'worker'), options.clock);
    options.logger.warn(
      { err: error, aside },
      'The worker’s data file is damaged: it was set aside, and the worker begins anew.',
    );
    return openStore(options, parts);
  }
}

interface StoreParts {
  readonly role: 'manager' | 'worker';
  readonly collections: readonly string[];
  readonly readsEarly: boolean;
}

async function openStore(options: OpenStoreOptions, parts: StoreParts): Promise<Store> {
  const { role, collections, readsEarly } = parts;
  if (options.kind === 'memory') {
    const { MemoryStore } = await import('../store/memory/memory-store.ts');
    return new MemoryStore({ collections });
  }
  const { openSqliteStore } = await import('../store/sqlite/sqlite-store.ts');
  const path = pathOf(options, role);
  try {
    return await openSqliteStore({ path, role, collections, readsEarly, logger: options.logger });
  } catch (error) {
    throw isCubeError(error, 'storage-locked') ? withFlag(error) : error;
  }
}

/** Says also by which flag another directory is chosen. */
function withFlag(error: CubeError): CubeError {
  return new CubeError(error.code, error.message, {
    cause: error,
    hint: 'So Cube is running there already: use it, stop that process, or choose another directory with --data-dir.',
  });
}

function pathOf({ directory }: OpenStoreOptions, role: 'manager' | 'worker'): string {
  return join(directory, `${role}.db`);
}

/**
 * Renames the data file at `path` with all that belongs to it.
 *
 * @returns the new path of the data file.
 */
async function setAside(path: string, clock: Clock): Promise<string> {
  const directory = dirname(path);
  const name = basename(path);
  const time = new Date(clock.now()).toISOString().replace(/[^0-9T]/g, '');
  const asideName = `damaged-${time}-${name}`;
  for (const file of await readdir(directory)) {
    // The guard is the lock that this very process may have to take again: it stays where it is.
    if (!file.startsWith(name) || file.startsWith(`${name}.guard`)) continue;
    await rename(join(directory, file), join(directory, asideName + file.slice(name.length)));
  }
  return join(directory, asideName);
}
