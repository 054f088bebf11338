import { execFile } from 'node:child_process';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** Whether the front of a file in this directory can be taken out in one step. */
export async function canCollapseFiles(directory: string): Promise<boolean> {
  const path = join(directory, 'to-be-collapsed');
  await writeFile(path, Buffer.alloc(192 * 1024));
  try {
    const range = ['--offset', '0', '--length', `${64 * 1024}`];
    await promisify(execFile)('fallocate', ['--collapse-range', ...range, path]);
    return true;
  } catch {
    return false;
  } finally {
    await rm(path);
  }
}
