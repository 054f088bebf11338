import type { Command } from 'commander';
import { CubeError } from '../../errors/cube-error.ts';
import { describeValue } from '../../errors/describe-value.ts';
import type { PruneInput, PruneReply } from '../../link/upkeep-replies.ts';
import { DURATION_WANTED, formatBytes, parseDurationMs } from '../../task/quantity.ts';
import { formatAge } from '../age.ts';
import { askYes } from '../ask-yes.ts';
import type { CliIo } from '../cli-io.ts';
import { type CommandContext, once, repeated } from '../command-context.ts';
import { shortId } from '../describe-task.ts';
import { readLabels, readStates } from '../filter-flags.ts';
import { addManagerOptions, connect, type ManagerFlags, toJson } from '../manager-options.ts';
import { toPlainText } from '../plain-text.ts';

interface PruneFlags extends ManagerFlags {
  readonly state?: readonly string[];
  readonly name?: string;
  readonly node?: string;
  readonly label?: readonly string[];
  readonly olderThan?: string;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
}

/** Tasks that are named one by one at most. */
const NAMED_MAX = 20;

const HELP = `
Removes tasks that have ended for good, with what workers keep of them: output, containers and
anonymous volumes. Never a task that may still run. Without filters, all of them. The events that
tell of them stay as long as events are kept; the data file keeps its size, and uses the room anew.

It asks first, unless --yes is given; where there is no terminal to ask at, --yes is needed.

Examples:
  cube prune --dry-run
  cube prune --older-than 12h
  cube prune --state failed --label tier=batch --yes`;

/** `cube prune`: removes what is over, now. */
export function definePrune(program: Command, context: CommandContext): void {
  const command = program
    .command('prune')
    .description('remove finished tasks')
    .addOption(repeated('-s, --state <state>', 'only tasks that are completed, or failed'))
    .addOption(once('--name <name>', 'only tasks with this name'))
    .addOption(once('--node <node>', 'only tasks that were on this node'))
    .addOption(repeated('--label <key=value>', 'only tasks with this label'))
    .addOption(once('--older-than <duration>', 'only tasks that ended so long ago, such as 1h'))
    .option('-n, --dry-run', 'tell what would be removed, and remove nothing')
    .option('-y, --yes', 'do not ask');
  addManagerOptions(command).addHelpText('after', HELP);
  command.action(async (flags: PruneFlags) => {
    const { io } = context;
    const request = toRequest(flags);
    const client = await connect(io, flags);
    if (flags.yes !== true && flags.dryRun !== true) {
      assertCanAsk(io);
      const found = await client.prune({ ...request, dryRun: true });
      if (found.count === 0) return report(io, found, { flags, isDry: true });
      await io.stderr.write(listed(io, found));
      if (!(await askYes(io, `Remove ${countOf(found)}?`))) {
        await io.stderr.write('Nothing was removed.\n');
        return;
      }
    }
    const isDry = flags.dryRun === true;
    const reply = await client.prune({ ...request, dryRun: isDry });
    if (isDry && flags.json !== true) await io.stdout.write(listed(io, reply));
    return report(io, reply, { flags, isDry });
  });
}

/** @throws CubeError `configuration`: what is removed without a question must be meant. */
function assertCanAsk(io: CliIo): void {
  if (io.stdin.isTerminal) return;
  throw new CubeError('configuration', 'There is no terminal to ask at, so nothing was removed.', {
    hint: 'Give --yes to remove without a question, or --dry-run to see what it would be.',
  });
}

function toRequest(flags: PruneFlags): PruneInput {
  const { name, node, olderThan } = flags;
  if (olderThan !== undefined && parseDurationMs(olderThan) === undefined) {
    const got = describeValue(olderThan, []);
    throw new CubeError('configuration', `--older-than: got ${got}, want ${DURATION_WANTED}.`);
  }
  const states = readStates(flags.state, ['completed', 'failed']);
  const labels = readLabels(flags.label);
  return {
    ...(states === undefined ? {} : { states: [...states] }),
    ...(name === undefined ? {} : { name }),
    ...(node === undefined ? {} : { node }),
    ...(labels === undefined ? {} : { labels }),
    ...(olderThan === undefined ? {} : { olderThan }),
  };
}

async function report(
  io: CliIo,
  reply: PruneReply,
  { flags, isDry }: { readonly flags: PruneFlags; readonly isDry: boolean },
): Promise<void> {
  if (flags.json === true) return io.stdout.write(toJson(reply));
  if (reply.count === 0) return io.stdout.write('There is no such finished task.\n');
  const room = `${formatBytes(reply.bytes)} of the data file`;
  const text = isDry
    ? `${countOf(reply)} would be removed, which take ${room}. Nothing was removed.`
    : `Removed ${countOf(reply)}, which took ${room}.`;
  return io.stdout.write(`${text}\n`);
}

function listed(io: CliIo, { count, items }: PruneReply): string {
  const now = io.clock.now();
  const lines = items.slice(0, NAMED_MAX).map(({ id, name, state, finishedAt }) => {
    const age = finishedAt === undefined ? '' : ` ${formatAge(finishedAt, now)} ago`;
    return `  ${toPlainText(`${shortId(id)}  ${name}  ${state}${age}`)}\n`;
  });
  const more = count > lines.length ? `  … and ${count - lines.length} more\n` : '';
  return `${lines.join('')}${more}`;
}

function countOf({ count }: PruneReply): string {
  return count === 1 ? '1 finished task' : `${count} finished tasks`;
}
