import { chmod, mkdir, rmdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CubeError, messageOf } from '../../errors/cube-error.ts';
import { hasErrorCode, isMissing } from './durable-file.ts';
import type { CompiledProcessOptions } from './process-options.ts';

type WorkRootOptions = Pick<CompiledProcessOptions, 'workRoot' | 'worker'>;

/**
 * Makes the directory below which working directories of another user's tasks are made. All
 * users may pass it, but neither look into it nor write.
 *
 * @throws CubeError `configuration`, when it cannot be made, or cannot be reached or trusted.
 */
export async function openWorkRoot({ workRoot, worker }: WorkRootOptions): Promise<void> {
  try {
    for (const path of [workRoot, join(workRoot, worker)]) {
      await mkdir(path, { recursive: true, mode: 0o711 });
      await assertOwn(path);
      await chmod(path, 0o711);
    }
  } catch (cause) {
    if (cause instanceof CubeError) throw cause;
    throw new CubeError('configuration', `${workRoot} cannot be used: ${messageOf(cause)}.`, {
      cause,
      hint: 'Tasks of --process-user work below it. See to it that root can write there.',
    });
  }
  for (let path = dirname(workRoot); path !== dirname(path); path = dirname(path)) {
    if (((await stat(path)).mode & 0o001) !== 0) continue;
    throw new CubeError(
      'configuration',
      `Nobody but its owner can pass through ${path}, so tasks of --process-user could not reach their working directories below ${workRoot}.`,
      { hint: `Let others pass: chmod o+x ${path}` },
    );
  }
}

/** Lets go of the worker's directory when nothing is left in it. */
export async function closeWorkRoot({ workRoot, worker }: WorkRootOptions): Promise<void> {
  try {
    await rmdir(join(workRoot, worker));
  } catch (error) {
    if (!isMissing(error) && !hasErrorCode(error, 'ENOTEMPTY')) throw error;
  }
}

/** Whoever else could write there could put something else in the place of a task's files. */
async function assertOwn(path: string): Promise<void> {
  const { uid, mode } = await stat(path);
  if (uid === process.getuid?.() && (mode & 0o022) === 0) return;
  throw new CubeError('configuration', `Others than root can write to ${path}.`, {
    hint: `Give it to root alone: chown root ${path} && chmod 711 ${path}`,
  });
}
