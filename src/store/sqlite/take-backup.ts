import { createReadStream, realpathSync, rmSync, statfsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { CubeError } from '../../errors/cube-error.ts';
import { systemClock, timestamp } from '../../lib/clock.ts';
import type { StoreCopy } from '../store.ts';
import type { FreshCopy } from './backup-file.ts';
import { makeDraftPath } from './data-file.ts';
import { RESERVE_BYTES_MAX } from './log-reserve.ts';
import { toCubeError } from './thread-link.ts';
import { runFaultThread } from './thread-verdict.ts';

const THREAD_URL = new URL(
  import.meta.url.endsWith('.ts') ? './backup-thread.ts' : './backup-thread.js',
  import.meta.url,
);

/**
 * Copies, verifies and seals the data file, beside it.
 *
 * The copy is made by SQLite's own means in the store's thread, a few hundred KiB at a time, with
 * the commits in between; a commit writes what has been copied already in the copy too, so that in
 * the end it is the data file as of the end. (`VACUUM INTO` holds up every commit until it is
 * done, which is seconds for a hundred thousand tasks.)
 *
 * @throws CubeError `storage-full` before anything is written, or as the copying fails.
 */
export async function takeBackup(
  dataFile: string,
  copy: (path: string) => Promise<void>,
): Promise<StoreCopy> {
  const dataPath = realpathSync(dataFile);
  assertRoom(dataPath);
  // A crash leaves it there, and the next opening of the data file removes it.
  const path = makeDraftPath(dataPath);
  const remove = (): void => {
    for (const suffix of ['', '-journal', '-wal', '-shm']) rmSync(path + suffix, { force: true });
  };
  try {
    await copy(path);
    await seal({ path, dataPath, takenAt: timestamp(systemClock) });
    return {
      sizeBytes: statSync(path).size,
      read: () => createReadStream(path),
      [Symbol.asyncDispose]: async () => remove(),
    };
  } catch (error) {
    remove();
    throw error;
  }
}

/** The copy must not take the room that changes need. @throws CubeError `storage-full` */
function assertRoom(dataPath: string): void {
  const directory = dirname(dataPath);
  const { bavail, bsize } = statfsSync(directory);
  const log = statSync(`${dataPath}-wal`, { throwIfNoEntry: false })?.size ?? 0;
  const needed = statSync(dataPath).size + log + 2 * RESERVE_BYTES_MAX;
  if (bavail * bsize >= needed) return;
  throw new CubeError(
    'storage-full',
    `A backup is first made in ${directory}, and its disk has ${toMebibytes(bavail * bsize)} left.`,
    { hint: `Free at least ${toMebibytes(needed)} there. Nothing was changed.` },
  );
}

function toMebibytes(bytes: number): string {
  return `${Math.ceil(bytes / 1024 ** 2)} MiB`;
}

async function seal(copy: FreshCopy): Promise<void> {
  const fault = await runFaultThread(THREAD_URL, { name: 'cube-backup', data: copy });
  if (fault !== undefined) throw toCubeError(fault);
}
