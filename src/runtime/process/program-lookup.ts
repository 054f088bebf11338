import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { delimiter, resolve } from 'node:path';
import { CubeError } from '../../errors/cube-error.ts';

/**
 * Sees to it that there is such a program, as a shell would look for it.
 *
 * @throws CubeError `runtime-failed`, saying what was looked for and where.
 */
export async function assertProgramExists(
  command: string,
  options: { readonly searchPath: string; readonly directory: string },
): Promise<void> {
  const { searchPath, directory } = options;
  const isPath = command.includes('/');
  const places = isPath
    ? [resolve(directory, command)]
    : searchPath.split(delimiter).map((folder) => resolve(directory, folder, command));
  let foundAt: string | undefined;
  for (const place of places) {
    const verdict = await judge(place);
    if (verdict === 'executable') return;
    if (verdict === 'not-executable') foundAt ??= place;
  }
  if (foundAt !== undefined) {
    throw new CubeError('runtime-failed', `The program ${foundAt} may not be executed.`, {
      hint: `Make it executable: chmod +x ${foundAt}`,
    });
  }
  const where = isPath ? '' : ` in PATH (${searchPath})`;
  throw new CubeError('runtime-failed', `The program ${command} was not found${where}.`, {
    hint: 'Give its full path, or set PATH in "env".',
  });
}

async function judge(path: string): Promise<'executable' | 'not-executable' | 'missing'> {
  try {
    if (!(await stat(path)).isFile()) return 'missing';
  } catch {
    return 'missing';
  }
  try {
    await access(path, constants.X_OK);
    return 'executable';
  } catch {
    return 'not-executable';
  }
}
