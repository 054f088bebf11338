import type { Command } from 'commander';
import { CubeError } from '../../errors/cube-error.ts';
import { quoteText } from '../../errors/describe-value.ts';
import { type CommandContext, once } from '../command-context.ts';
import { addManagerOptions, connect, type ManagerFlags } from '../manager-options.ts';
import { toPlainJson, toPlainText } from '../plain-text.ts';

interface LogFlags extends ManagerFlags {
  readonly follow?: boolean;
  readonly tail?: string;
  readonly raw?: boolean;
}

const TAIL_MAX = 100_000;

const HELP = `
It is the output of the newest attempt; what an earlier one wrote is gone once the next is placed.
What the task wrote to its standard output comes on the standard output, and what it wrote to its
error output on the error output. On a terminal, control sequences are left out unless --raw is
given.

A container's lines come in the order in which they were written, with their times. A plain process
writes to two files, which do not tell that: what it wrote before comes one output after the other,
the error output last, and --tail counts that first.

Examples:
  cube logs web
  cube logs --follow --tail 20 web
  cube logs web --json | jq -r .text`;

/** `cube logs`: the output of a task's current attempt. */
export function defineLogs(program: Command, context: CommandContext): void {
  const command = program
    .command('logs')
    .description('print the output of a task')
    .argument('<task>', 'a name, an id, or the beginning of one')
    .option('-f, --follow', 'go on, from one attempt to the next, until it has ended for good')
    .addOption(once('-n, --tail <lines>', 'begin with this many of the last lines'))
    .option('--raw', 'leave control sequences in, also on a terminal');
  addManagerOptions(command).addHelpText('after', HELP);
  command.action(async (word: string, flags: LogFlags) => {
    const { io } = context;
    const tail = flags.tail === undefined ? undefined : parseTail(flags.tail);
    const client = await connect(io, flags);
    const { findTask } = await import('../find-task.ts');
    const task = await findTask(client, word);
    const lines =
      flags.follow === true
        ? (await import('../follow-logs.ts')).followLogs(task, {
            client,
            clock: io.clock,
            tail,
            note: (text) => io.stderr.write(`cube: ${toPlainText(text)}\n`),
          })
        : client.logs(task.id, tail === undefined ? {} : { tail });
    for await (const line of lines) {
      if (flags.json === true) {
        await io.stdout.write(`${toPlainJson(JSON.stringify(line))}\n`);
        continue;
      }
      const output = line.stream === 'stdout' ? io.stdout : io.stderr;
      const isRaw = flags.raw === true || !output.isTerminal;
      await output.write(`${isRaw ? line.text : toPlainText(line.text)}\n`);
    }
  });
}

function parseTail(text: string): number {
  const lines = /^\d{1,7}$/.test(text) ? Number(text) : -1;
  if (lines >= 0 && lines <= TAIL_MAX) return lines;
  throw new CubeError(
    'configuration',
    `--tail is ${quoteText(text)}; want a whole number from 0 to ${TAIL_MAX}.`,
    { hint: 'For example: --tail 20' },
  );
}
