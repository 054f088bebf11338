import type { CubeClient, PastOptions } from '../client/cube-client.ts';
import { CubeError } from '../errors/cube-error.ts';
import { quoteText } from '../errors/describe-value.ts';
import type { TaskReply } from '../link/replies.ts';
import { isFinal } from '../task/task.ts';
import { shortId } from './describe-task.ts';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const PREFIX = /^[0-9a-f][0-9a-f-]{3,35}$/i;

/** What commands print of an id; a task may be called so, and it may be another one's id. */
const SHORT_ID = /^[0-9a-f]{8}$/i;

/** More than these are not listed in a message. */
const LISTED_MAX = 5;

/**
 * The tasks that `word` names: by id, else by exact name, else by the beginning of an id (at least
 * four digits). A name may have several tasks; if any of them has not ended, those that have are
 * left out, else all but the newest. A name that looks like the beginning of an id names both.
 *
 * @throws CubeError `not-found`; `conflict` when the beginning of an id is not unique.
 */
export async function findTasks(
  client: CubeClient,
  word: string,
  call: PastOptions = {},
): Promise<readonly TaskReply[]> {
  if (word === '') {
    throw new CubeError('configuration', 'The task is "", which is no name and no id.');
  }
  if (UUID.test(word)) return [await client.get(word.toLowerCase(), call)];
  const named = await Array.fromAsync(client.list({ name: word }, call));
  if (named.length > 0) {
    const unfinished = named.filter((task) => !isFinal(task));
    const found = unfinished.length > 0 ? unfinished : named.slice(-1);
    return SHORT_ID.test(word) ? [...found, ...(await findOthers(client, word, call))] : found;
  }
  const found = PREFIX.test(word) ? await findByPrefix(client, word.toLowerCase(), call) : [];
  if (found.length > 1) throw ambiguous(`The beginning ${quoteText(word)} of an id`, found);
  if (found.length === 1) return found;
  throw new CubeError('not-found', `There is no task with the name or id ${quoteText(word)}.`, {
    hint: '"cube status --all" lists every task.',
  });
}

/** As `findTasks`, where exactly one is wanted. */
export async function findTask(
  client: CubeClient,
  word: string,
  call: PastOptions = {},
): Promise<TaskReply> {
  const tasks = await findTasks(client, word, call);
  const [task] = tasks;
  if (task === undefined || tasks.length > 1) throw ambiguous(`The name ${quoteText(word)}`, tasks);
  return task;
}

/** The tasks whose id begins so, and that have another name. */
async function findOthers(
  client: CubeClient,
  word: string,
  call: PastOptions,
): Promise<readonly TaskReply[]> {
  const found = await findByPrefix(client, word.toLowerCase(), call);
  return found.filter(({ spec }) => spec.name !== word);
}

async function findByPrefix(
  client: CubeClient,
  prefix: string,
  call: PastOptions,
): Promise<readonly TaskReply[]> {
  const found: TaskReply[] = [];
  for await (const task of client.list({}, call)) {
    if (task.id.startsWith(prefix)) found.push(task);
  }
  return found;
}

/** The refusal to guess which task is meant. */
export function ambiguous(what: string, tasks: readonly TaskReply[]): CubeError {
  const listed = tasks
    .slice(0, LISTED_MAX)
    .map((task) => `${shortId(task.id)} (${task.spec.name}, ${task.status.state})`);
  const more = tasks.length > LISTED_MAX ? ', …' : '';
  return new CubeError(
    'conflict',
    `${what} fits ${tasks.length} tasks: ${listed.join(', ')}${more}.`,
    { hint: 'Name one by its id.' },
  );
}
