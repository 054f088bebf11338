import type { CubeClient } from '../client/cube-client.ts';
import { CubeError } from '../errors/cube-error.ts';
import { quoteText } from '../errors/describe-value.ts';
import type { TaskReply } from '../link/replies.ts';

interface Meant {
  /** Whether a name may mean several tasks. */
  readonly all: boolean;
  /** What would have been done to them, for the message: `stopped`. */
  readonly done: string;
}

/**
 * The tasks that the words name, all of them before anything is done to any, so that a wrong name
 * does nothing.
 *
 * @throws CubeError as `findTasks`; `conflict`, when a name has several and not all are meant.
 */
export async function findAllTasks(
  client: CubeClient,
  words: readonly string[],
  { all, done }: Meant,
): Promise<readonly TaskReply[]> {
  const { ambiguous, findTasks } = await import('./find-task.ts');
  const byId = new Map<string, TaskReply>();
  for (const word of words) {
    const tasks = await findTasks(client, word).catch((error: unknown) => {
      throw words.length > 1 ? withoutEffect(error, done) : error;
    });
    if (tasks.length > 1 && !all) {
      const error = ambiguous(`The name ${quoteText(word)}`, tasks);
      throw new CubeError(error.code, error.message, {
        hint: `Nothing was ${done}. Name one by its id, or add --all to mean every one.`,
      });
    }
    for (const task of tasks) byId.set(task.id, task);
  }
  return [...byId.values()];
}

/** Of several words one names nothing: what of the others? */
function withoutEffect(error: unknown, done: string): unknown {
  if (!(error instanceof CubeError)) return error;
  const hint = [`Nothing was ${done}.`, error.hint].filter((part) => part !== undefined).join(' ');
  return new CubeError(error.code, error.message, { cause: error, hint });
}
