import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { resolveDataDir } from '../../config/daemon-settings.ts';
import { CubeError, isCubeError } from '../../errors/cube-error.ts';
import { type CommandContext, once } from '../command-context.ts';
import { prepareDataDirectory } from '../data-directory.ts';
import { toJson } from '../manager-options.ts';
import { toPlainText } from '../plain-text.ts';
import { commandName } from '../typed-command.ts';

interface RestoreFlags {
  readonly dataDir?: string;
  readonly force?: boolean;
  readonly json?: boolean;
}

const HELP = `
Works on the directory while no manager runs there. The backup is verified first. A crash at any
moment leaves what was there before, or the whole of the backup.

What happened after the backup is unknown to the restored manager. Tasks that came later are
stopped and removed by the workers as soon as they are heard; a task that has moved or restarted
since is placed anew. A restored manager begins an epoch above all that the workers have seen.

Examples:
  cube restore cube-monday.backup
  cube restore cube-monday.backup --data-dir /var/lib/cube
  cube restore cube-monday.backup --force      sets aside what is there, and deletes nothing`;

/** `cube restore`: a data directory from a backup. */
export function defineRestore(program: Command, context: CommandContext): void {
  const command = program
    .command('restore')
    .description('make the data of a manager from a backup')
    .argument('<file>', 'a file that "cube backup" wrote')
    .addOption(once('--data-dir <dir>', 'where to (default: CUBE_DATA_DIR or ~/.cube)'))
    .option('--force', 'set other data that are there aside')
    .option('--json', 'write JSON for programs')
    .addHelpText('after', HELP);
  command.action(async (file: string, flags: RestoreFlags) => {
    const { io } = context;
    const backupPath = resolve(file);
    const found = await stat(backupPath).catch(() => undefined);
    if (found?.isFile() !== true) {
      const what = found === undefined ? 'There is no file' : 'This is no file:';
      throw new CubeError('not-found', `${what} ${backupPath}.`, {
        hint: 'Name a file that "cube backup" wrote.',
      });
    }
    const dataDir = resolveDataDir(flags.dataDir, io.environment);
    const { verifyBackup } = await import('../../store/sqlite/backup-file.ts');
    const { restoreDataFile } = await import('../../store/sqlite/restore-data-file.ts');
    // Before a directory is made for what cannot be restored; it is verified again as it is used.
    await verifyBackup(backupPath).catch((error: unknown) => {
      if (!isCubeError(error)) throw error;
      throw new CubeError(error.code, `This cannot be restored: ${error.message}`, {
        cause: error,
        hint: 'It was left as it is. Take another backup.',
      });
    });
    await prepareDataDirectory(dataDir);
    const restored = await restoreDataFile({
      backupPath,
      dataPath: join(dataDir, 'manager.db'),
      force: flags.force === true,
      nowMs: io.clock.now(),
    });
    const { seal, epoch, asidePath } = restored;
    if (flags.json === true)
      return io.stdout.write(toJson({ dataDir, epoch, asidePath, backup: seal }));
    const aside = asidePath === undefined ? '' : ` What was there is now ${asidePath}.`;
    const cube = commandName(io.environment);
    const { tasks = 0 } = seal.counts;
    const text =
      `${dataDir} holds revision ${seal.revision} of cluster ${seal.cluster}, as of ${seal.takenAt}: ` +
      `${tasks === 1 ? '1 task' : `${tasks} tasks`}.${aside} Start it: ${cube} manager --data-dir ${dataDir}`;
    return io.stdout.write(`${toPlainText(text)}\n`);
  });
}
