import { existsSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type DataIdentity, parseIdentity, writeIdentityBeside } from './data-identity.ts';
import { flushDirectory } from './durable-file.ts';
import { damagedError } from './storage-error.ts';

/** What is to take whose place, once and for all. Names in the directory of the data file. */
export interface RestoreOrders {
  /** The complete new data file. */
  readonly draft: string;
  /** What the old data file is called from now on; what belongs to it likewise. */
  readonly aside: string;
  /** Of the new data file. */
  readonly identity: DataIdentity;
}

/** What belongs to a data file. The lock and what it is on stay: whoever restores holds them. */
export const suffixesToSetAside = ['-wal', '-wal.kept', '-shm', '.id', ''] as const;

/** Where the orders are until they are carried out. */
export function ordersPathOf(dataPath: string): string {
  return `${dataPath}.restore`;
}

/**
 * Carries out a restore that was decided, from wherever a crash left it. Does nothing where none
 * was. The lock on the data file must be held.
 *
 * @throws CubeError `storage-damaged`, when the orders cannot be read.
 */
export function finishRestore(dataPath: string): void {
  const ordersPath = ordersPathOf(dataPath);
  if (!existsSync(ordersPath)) return;
  const { draft, aside, identity } = readOrders(ordersPath);
  const directory = dirname(dataPath);
  const draftPath = join(directory, draft);
  // Once the draft has its new name, whatever bears that name is new.
  if (existsSync(draftPath)) {
    for (const suffix of suffixesToSetAside) {
      const path = dataPath + suffix;
      if (existsSync(path)) renameSync(path, join(directory, aside + suffix));
    }
    flushDirectory(directory);
    renameSync(draftPath, dataPath);
    flushDirectory(directory);
  }
  writeIdentityBeside(dataPath, identity);
  rmSync(ordersPath);
  flushDirectory(directory);
}

function readOrders(path: string): RestoreOrders {
  try {
    const orders: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (typeof orders !== 'object' || orders === null) throw new Error('It is no object.');
    const [draft, aside] = [textOf(orders, 'draft'), textOf(orders, 'aside')];
    const identity = parseIdentity(JSON.stringify(Reflect.get(orders, 'identity') ?? null));
    if (identity === undefined) throw new Error('It names no identity.');
    return { draft, aside, identity };
  } catch (error) {
    throw damagedError(path, 'it does not say what is to be restored', error);
  }
}

function textOf(value: object, field: string): string {
  const text: unknown = Reflect.get(value, field);
  if (typeof text !== 'string') throw new Error(`It names no ${field}.`);
  return text;
}
