import { resolve } from 'node:path';
import type { Command } from 'commander';
import { CubeError } from '../../errors/cube-error.ts';
import { formatBytes } from '../../task/quantity.ts';
import type { CommandContext } from '../command-context.ts';
import { exitCodes } from '../exit-codes.ts';
import { addManagerOptions, connect, type ManagerFlags, toJson } from '../manager-options.ts';
import { toPlainText } from '../plain-text.ts';
import { assertNotThere, writeBackup } from '../write-backup.ts';

/** The manager copies and verifies before it begins to answer, in milliseconds. */
const TIMEOUT_MS = 600_000;

const HELP = `
The manager makes the copy while it serves, from any machine that reaches it. It is read back to the
last record before this says that it is done. It holds everything, secrets included, and is for its
owner alone. A file that is there already is never overwritten.

Examples:
  cube backup cube-monday.backup
  cube backup /mnt/backups/$(date +%F).cube --json
  cube restore cube-monday.backup --data-dir ~/.cube`;

/** `cube backup`: a verified copy of what the manager knows. */
export function defineBackup(program: Command, context: CommandContext): void {
  const command = program
    .command('backup')
    .description("write a verified copy of the manager's data")
    .argument('<file>', 'where to write it');
  addManagerOptions(command).addHelpText('after', HELP);
  command.action(async (file: string, flags: ManagerFlags) => {
    const { io } = context;
    if (file === '' || file === '-') {
      throw new CubeError('configuration', `The backup is to go to "${file}", which is no file.`, {
        hint: 'Give a name, such as cube-monday.backup: it is read back before it counts.',
      });
    }
    await assertNotThere(resolve(file));
    const client = await connect(io, flags, { timeoutMs: TIMEOUT_MS });
    using interrupt = io.watchInterrupt();
    const backup = await writeBackup(file, client.backup({ signal: interrupt.signal })).catch(
      (error: unknown) => {
        if (!interrupt.signal.aborted) throw error;
      },
    );
    if (backup === undefined) {
      context.exitCode = exitCodes.interrupted;
      return io.stderr.write('cube: Interrupted; no backup was written.\n');
    }
    const { seal, bytes } = backup;
    if (flags.json === true) return io.stdout.write(toJson({ file: backup.file, bytes, ...seal }));
    const { tasks = 0, events = 0 } = seal.counts;
    const size = formatBytes(bytes);
    const text =
      `${file} holds revision ${seal.revision} of cluster ${seal.cluster}: ${countOf(tasks, 'task')} and ` +
      `${countOf(events, 'event')} in ${size}, every record verified.`;
    return io.stdout.write(`${toPlainText(text)}\n`);
  });
}

function countOf(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
