import type { Command } from 'commander';
import type { PlanReply } from '../../link/replies.ts';
import type { CliIo } from '../cli-io.ts';
import { type CommandContext, repeated } from '../command-context.ts';
import { describePlacement, describeVerdicts } from '../describe-placement.ts';
import { describeState, shortId } from '../describe-task.ts';
import { addManagerOptions, connect, type ManagerFlags, toJson } from '../manager-options.ts';
import { toPlainText } from '../plain-text.ts';
import type { SpecFlags } from '../spec-flags.ts';
import { addSpecOptions } from '../spec-options.ts';
import { asTyped } from '../typed-command.ts';

interface PlanFlags extends ManagerFlags, SpecFlags {
  readonly file?: readonly string[];
}

const HELP = `
Asks the scheduler what it would do with tasks now, all of them together, and does nothing. Takes
the files and flags of "cube run".

Examples:
  cube plan -f web.json
  cube plan web.json db.json
  cube plan --image nginx --memory 4GiB`;

/** `cube plan`: what would happen, without doing it. */
export function definePlan(program: Command, context: CommandContext): void {
  const command = program
    .command('plan')
    .description('tell what "cube run" would do, and do nothing')
    .usage('[options] [file...] [-- command [args...]]')
    .argument('[file...]', 'JSON files with tasks, or - for the standard input')
    .addOption(repeated('-f, --file <file>', 'the same'));
  addSpecOptions(command);
  addManagerOptions(command).addHelpText('after', HELP);
  command.action(async (operandFiles: readonly string[], flags: PlanFlags) => {
    const { io, operands } = context;
    const files = [...operandFiles, ...(flags.file ?? [])];
    const { readTasksToRun } = await import('../submit-tasks.ts');
    const submissions = await readTasksToRun(io, { files, flags, operands });
    const client = await connect(io, flags);
    const items = await client.plan(submissions.map(({ id, spec }) => ({ ...spec, id })));
    if (flags.json === true) return io.stdout.write(toJson(items));
    for (const [index, item] of items.entries()) {
      const name = submissions[index]?.spec.name ?? '';
      await io.stdout.write(describe(io, name, item));
    }
  });
}

function describe(io: CliIo, name: string, item: PlanReply['items'][number]): string {
  const { placement, verdicts, advice, existing } = item;
  if (existing !== undefined) {
    const { task, differsIn } = existing;
    const what = `${name}: task ${shortId(task.id)} has this id and is ${describeState(task, io.clock.now())}`;
    const then =
      differsIn === undefined
        ? 'It would stay as it is.'
        : `It would be refused: they differ in "${differsIn}".`;
    return `${toPlainText(`${what}. ${then}`)}\n`;
  }
  const outcome = placement.node === undefined ? 'would wait' : `would run on ${placement.node}`;
  const sections = [
    toPlainText(`${name} ${outcome}.`),
    `${describePlacement(placement)}.`,
    describeVerdicts(io, verdicts, placement),
    ...advice.map((sentence) => asTyped(io.environment, toPlainText(`To do: ${sentence}`))),
  ];
  return `${sections.filter((section) => section !== '').join('\n')}\n`;
}
