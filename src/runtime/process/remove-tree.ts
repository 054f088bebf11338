import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { promisify } from 'node:util';

/**
 * Deletes a directory with all that is in it; nothing, where there is none.
 *
 * For root the system's `rm` does it, which goes from folder to folder by handles: tasks of an
 * unprivileged user share what is theirs, and a link that one of them puts in the place of a
 * folder meanwhile would lead a deletion by paths anywhere on the machine.
 */
export async function removeTree(path: string): Promise<void> {
  if (process.getuid?.() === 0) await promisify(execFile)('rm', ['-rf', '--', path]);
  else await rm(path, { recursive: true, force: true, maxRetries: 3 });
}
