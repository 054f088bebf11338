import { type FileHandle, link, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { CubeError, messageOf } from '../errors/cube-error.ts';
import type { BackupSeal } from '../store/sqlite/backup-file.ts';

export interface WrittenBackup {
  readonly file: string;
  readonly bytes: number;
  readonly seal: BackupSeal;
}

/**
 * Writes a backup to `file`, for its owner alone, and reads it back to the last record. Only then
 * it gets its name; until then, and after any failure, nothing of it is there.
 *
 * @throws CubeError `conflict`, when the file is there already; `storage-damaged`, when what was
 *   written is not what was sent; `storage-full`.
 */
export async function writeBackup(
  file: string,
  bytes: AsyncIterable<Uint8Array>,
): Promise<WrittenBackup> {
  const path = resolve(file);
  await assertNotThere(path);
  const draft = `${path}.part-${process.pid}`;
  try {
    const size = await writeAll(draft, bytes);
    const { verifyBackup } = await import('../store/sqlite/backup-file.ts');
    const seal = await verifyBackup(draft);
    await nameOnce(draft, path);
    await flush(dirname(path));
    return { file: path, bytes: size, seal };
  } catch (error) {
    throw toBackupError(error, path);
  } finally {
    await rm(draft, { force: true });
  }
}

/** @throws CubeError `conflict` */
export async function assertNotThere(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found !== undefined) throw takenError(path);
}

async function writeAll(path: string, chunks: AsyncIterable<Uint8Array>): Promise<number> {
  // One that a killed command of the same number has left is nobody's.
  await rm(path, { force: true });
  await using handle: FileHandle = await open(path, 'wx', 0o600);
  await handle.chmod(0o600);
  let size = 0;
  for await (const chunk of chunks) {
    await handle.writeFile(chunk);
    size += chunk.byteLength;
  }
  await handle.sync();
  return size;
}

/** Gives the draft its name, unless something has it. */
async function nameOnce(draft: string, path: string): Promise<void> {
  try {
    await link(draft, path);
  } catch (error) {
    if (codeOf(error) === 'EEXIST') throw takenError(path);
    // A file system without links; there is a moment left in which another could take the name.
    await assertNotThere(path);
    await rename(draft, path);
  }
}

async function flush(directory: string): Promise<void> {
  await using handle = await open(directory, 'r');
  await handle.sync();
}

function takenError(path: string): CubeError {
  return new CubeError('conflict', `${path} is there already; a backup never overwrites a file.`, {
    hint: 'Give another name.',
  });
}

function toBackupError(error: unknown, path: string): unknown {
  if (error instanceof CubeError) return error;
  const code = codeOf(error);
  if (code === '') return error;
  const isFull = code === 'ENOSPC' || code === 'EDQUOT';
  return new CubeError(
    isFull ? 'storage-full' : 'storage-failed',
    `The backup could not be written to ${path}: ${messageOf(error)}.`,
    {
      cause: error,
      hint: isFull ? 'Free some space, or choose another disk.' : 'Choose another place.',
    },
  );
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
