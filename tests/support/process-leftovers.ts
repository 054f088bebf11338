import { existsSync } from 'node:fs';
import { readdir, readFile, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { findControlGroupMounts } from '../../src/runtime/process/control-group-mounts.ts';

/**
 * What a worker of the process runtime has left on this machine, in words: processes that were
 * started below its directory, files of instances and control groups.
 */
export async function findProcessLeftovers(
  worker: string,
  directory: string,
): Promise<readonly string[]> {
  const left: string[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const [environment, command] = await Promise.all([
      readFile(`/proc/${pid}/environ`, 'latin1').catch(() => ''),
      readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => ''),
    ]);
    const isOurs = [environment, command].some((text) => text.includes(`${directory}/${worker}/`));
    if (isOurs) left.push(`process ${pid}: ${command.replaceAll('\0', ' ').slice(0, 200)}`);
  }
  for (const folder of ['instances', 'exits']) {
    const path = join(directory, worker, folder);
    if (existsSync(path)) left.push(...(await readdir(path)).map((name) => join(path, name)));
  }
  for (const mount of await findControlGroupMounts()) {
    const path = join(mount.path, 'cube', worker);
    if (existsSync(path)) left.push(path);
  }
  return left;
}

/** Removes the control groups of a worker that was killed, once nothing runs in them. */
export async function removeGroupsOf(worker: string): Promise<void> {
  for (const mount of await findControlGroupMounts()) {
    const path = join(mount.path, 'cube', worker);
    const names = await readdir(path, { withFileTypes: true }).catch(() => []);
    const folders = names
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => join(path, name));
    // One in which something still runs stays, and so do those above it.
    for (const folder of [...folders, path]) await rmdir(folder).catch(() => undefined);
  }
}
