import { stat } from 'node:fs/promises';
import { CubeError, messageOf } from '../errors/cube-error.ts';
import { makeDirectory } from './make-directory.ts';

const HINT = 'Name another with --data-dir or CUBE_DATA_DIR.';

const wordsByCode: Readonly<Record<string, string>> = {
  EACCES: 'you may not write there',
  EPERM: 'you may not write there',
  EROFS: 'its file system is read-only',
  ENOSPC: 'its disk is full',
  EDQUOT: 'your quota is used up',
  ENAMETOOLONG: 'its path is too long',
  ENOENT: 'no directory can be made there',
  ENOTDIR: 'a part of its path is a file',
  ELOOP: 'its path has a loop of links',
};

/**
 * Sees to it that the data directory is there, for its owner alone. One that is there already
 * keeps its mode. It is refused when others could write to it, or when it is another user's.
 *
 * @throws CubeError `configuration` or `storage-full` that says what is in the way.
 */
export async function prepareDataDirectory(path: string): Promise<void> {
  try {
    await makeDirectory(path);
    await assertUsable(path);
  } catch (error) {
    if (error instanceof CubeError) throw error;
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    const why = wordsByCode[code] ?? messageOf(error);
    throw new CubeError(
      code === 'ENOSPC' || code === 'EDQUOT' ? 'storage-full' : 'configuration',
      `The data directory ${path} cannot be used: ${why}.`,
      { cause: error, hint: HINT },
    );
  }
}

async function assertUsable(path: string): Promise<void> {
  const stats = await stat(path);
  if (!stats.isDirectory()) throw refuse(path, 'is a file');
  const user = process.getuid?.();
  if (user === undefined) return;
  // Not even root: the owner could put in place what root then reads, and runs.
  if (stats.uid !== user) throw refuse(path, `belongs to another user (${stats.uid})`);
  if ((stats.mode & 0o022) === 0) return;
  const mode = (stats.mode & 0o7777).toString(8).padStart(4, '0');
  throw new CubeError(
    'configuration',
    `The data directory ${path} can be written to by others (mode ${mode}).`,
    { hint: `Name one of its own, or close it: chmod 700 ${path}` },
  );
}

function refuse(path: string, what: string): CubeError {
  return new CubeError('configuration', `The data directory ${path} ${what}.`, { hint: HINT });
}
