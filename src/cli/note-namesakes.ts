import type { SubmittedReply } from '../client/cube-client.ts';
import { quoteText } from '../errors/describe-value.ts';
import { isFinal, type Task } from '../task/task.ts';
import type { CliIo } from './cli-io.ts';
import { shortId } from './describe-task.ts';
import { connect, type ManagerFlags } from './manager-options.ts';
import { toPlainText } from './plain-text.ts';

/** Names that are looked up at most: a note is not worth more. */
const NAMES_MAX = 10;

/**
 * Says which of the tasks that were just accepted share their name with one that has not ended.
 * That is allowed; but whoever runs a command twice may not have meant it. A question that fails
 * is no reason to say anything: the tasks are accepted.
 */
export async function noteNamesakes(
  io: CliIo,
  flags: ManagerFlags,
  submitted: readonly SubmittedReply[],
): Promise<void> {
  const client = await connect(io, flags);
  const own = new Set(submitted.map(({ task }) => task.id));
  const created = submitted.filter((one) => one.created);
  const names = new Set(created.map(({ task }) => task.spec.name));
  for (const name of [...names].slice(0, NAMES_MAX)) {
    let other: Pick<Task, 'id' | 'status'> | undefined;
    try {
      const { items } = await client.listPage({
        name,
        states: ['pending', 'scheduled', 'running', 'failed'],
      });
      other = items.find((task) => !own.has(task.id) && !isFinal(task));
    } catch {
      return;
    }
    if (other === undefined) continue;
    const text = `Another task named ${quoteText(name)} is ${other.status.state} already (${shortId(other.id)}).`;
    await io.stderr.write(`cube: ${toPlainText(text)}\n`);
  }
}
