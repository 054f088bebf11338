import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** The modes of a directory and of all that is in it, by path. */
export async function modesBelow(path: string): Promise<ReadonlyMap<string, number>> {
  const modes = new Map([[path, (await stat(path)).mode]]);
  for (const entry of await readdir(path, { withFileTypes: true })) {
    const inner = join(path, entry.name);
    if (entry.isDirectory())
      for (const [key, mode] of await modesBelow(inner)) modes.set(key, mode);
    else modes.set(inner, (await stat(inner)).mode);
  }
  return modes;
}
