import type { Command } from 'commander';
import type { ExplanationReply, TaskReply } from '../../link/replies.ts';
import { isPlaced } from '../../task/task.ts';
import { formatAge } from '../age.ts';
import type { CliIo } from '../cli-io.ts';
import type { CommandContext } from '../command-context.ts';
import { describeLeaving } from '../describe-leaving.ts';
import { describeCounts, describePlacement, describeVerdicts } from '../describe-placement.ts';
import { describeState, shortId } from '../describe-task.ts';
import { addManagerOptions, connect, type ManagerFlags, toJson } from '../manager-options.ts';
import { toPlainText } from '../plain-text.ts';
import { asTyped } from '../typed-command.ts';

const HELP = `
Shows the decision as it was made, with the verdict on every node: its score (lower is better), or
every reason against it. For a task that waits, or is to leave a drained node, also what the
scheduler says now and what would let it run.

Examples:
  cube explain web
  cube explain web --json`;

/** `cube explain`: why a task runs where it runs, or why it does not. */
export function defineExplain(program: Command, context: CommandContext): void {
  const command = program
    .command('explain')
    .description('tell why a task runs where it runs, or why it does not')
    .argument('<task>', 'a name, an id, or the beginning of one');
  addManagerOptions(command).addHelpText('after', HELP);
  command.action(async (word: string, flags: ManagerFlags) => {
    const { io } = context;
    const client = await connect(io, flags);
    const { findTask } = await import('../find-task.ts');
    const task = await findTask(client, word);
    const explanation = await client.placement(task.id);
    await io.stdout.write(
      flags.json === true ? toJson(explanation) : describe(io, task, explanation),
    );
  });
}

function describe(io: CliIo, task: TaskReply, explanation: ExplanationReply): string {
  const now = io.clock.now();
  const { decided, now: current, advice } = explanation;
  const head = `${task.spec.name} (${shortId(task.id)}) is ${describeState(task, now)}.`;
  const sections = [toPlainText(head)];
  if (decided !== undefined) {
    const when = `${formatAge(decided.time, now)} ago, at revision ${decided.revision}`;
    sections.push(`${describePlacement(decided.placement)} (${when}).`);
    sections.push(
      decided.verdicts === undefined
        ? describeCounts(decided.placement)
        : describeVerdicts(io, decided.verdicts, decided.placement),
    );
  }
  if (current !== undefined) {
    const { node = '' } = task.status;
    if (isPlaced(task)) {
      sections.push(toPlainText(`${node} is drained; the task ${describeLeaving(current, node)}.`));
    }
    const says = describeVerdicts(io, current.verdicts, current.placement);
    const isSame = says === sections.at(-1);
    sections.push(
      isSame
        ? 'Asked again now, it says the same.'
        : `Asked again now: ${describePlacement(current.placement)}.`,
    );
    if (!isSame) sections.push(says);
  }
  if (decided === undefined && current === undefined) {
    sections.push(
      task.status.attempt > 0
        ? 'The decision that placed it is older than the log that is kept.'
        : 'It has not been looked at by the scheduler yet.',
    );
  }
  sections.push(
    ...advice.map((sentence) => asTyped(io.environment, toPlainText(`To do: ${sentence}`))),
  );
  return `${sections.filter((section) => section !== '').join('\n')}\n`;
}
