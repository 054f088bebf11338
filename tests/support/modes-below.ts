import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** The modes of a directory and of all that is in it, by path; of what goes meanwhile none. */
export async function modesBelow(path: string): Promise<ReadonlyMap<string, number>> {
  const modes = new Map<string, number>();
  const stats = await unlessGone(lstat(path));
  if (stats === undefined) return modes;
  modes.set(path, stats.mode);
  if (!stats.isDirectory()) return modes;
  for (const name of (await unlessGone(readdir(path))) ?? []) {
    for (const [inner, mode] of await modesBelow(join(path, name))) modes.set(inner, mode);
  }
  return modes;
}

async function unlessGone<Found>(looking: Promise<Found>): Promise<Found | undefined> {
  try {
    return await looking;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
