import type { CubeClient } from '../client/cube-client.ts';
import { type CubeError, isCubeError } from '../errors/cube-error.ts';
import { type Clock, sleep } from '../lib/clock.ts';
import type { LogLine } from '../link/protocol.ts';
import type { TaskReply } from '../link/replies.ts';
import { isFinal, isPlaced } from '../task/task.ts';
import { describeState, shortId } from './describe-task.ts';

export interface FollowLogsOptions {
  readonly client: Pick<CubeClient, 'get' | 'logs'>;
  readonly clock: Clock;
  /** How many of the last lines of the attempt that is there now; all, when undefined. */
  readonly tail: number | undefined;
  /** Told of an end, of the next attempt, and of what is in the way. */
  readonly note: (text: string) => Promise<void>;
}

/** The first looks for what becomes of a task come soon, since its end is told at once. */
const SOON_MS = 100;
const LOOK_MS = 1000;
/** An attempt that still runs after so many looks has only had its output broken off. */
const LOOK_COUNT_MAX = 5;

/**
 * What a task writes, from one attempt to the next, until it has ended for good. Where the
 * connection breaks off, it goes on with what is written from then on, and says so.
 *
 * @throws CubeError `not-found` or `pruned`, when the task is gone; and whatever was in the way
 * before there was anything to read.
 */
export async function* followLogs(
  first: TaskReply,
  options: FollowLogsOptions,
): AsyncGenerator<LogLine, void, undefined> {
  const { client } = options;
  const follower = new Follower(options);
  let { tail } = options;
  let task = first;
  let hasBegun = false;
  for (;;) {
    let isCut = false;
    const lines = client.logs(task.id, { follow: true, ...(tail === undefined ? {} : { tail }) });
    try {
      for await (const line of lines) {
        hasBegun = true;
        yield line;
      }
    } catch (error) {
      if (!hasBegun || !isPassing(error)) throw error;
      isCut = true;
      await follower.note(error.message);
    }
    hasBegun = true;
    const next = await follower.lookOn(task);
    const isSame = next.status.attempt === task.status.attempt;
    if (isSame && isFinal(next)) {
      const { spec, id } = next;
      if (isCut) {
        await follower.note(
          `${spec.name} has ended meanwhile: "cube logs ${shortId(id)}" has all that it wrote.`,
        );
      }
      return;
    }
    await follower.note(
      isSame
        ? `Going on with what ${next.spec.name} writes from now on.`
        : `${next.spec.name} is at attempt ${next.status.attempt}, on ${next.status.node ?? 'no node'}.`,
    );
    tail = isSame ? 0 : undefined;
    task = next;
  }
}

/** What is over when whoever could not be reached is back. */
function isPassing(error: unknown): error is CubeError {
  return isCubeError(error) && (error.retryable || error.code === 'bad-reply');
}

/** Looks at a task until there is something to read again, and says each thing once. */
class Follower {
  readonly #options: FollowLogsOptions;
  #said = '';
  #waitSaid = '';

  constructor(options: FollowLogsOptions) {
    this.#options = options;
  }

  async note(text: string): Promise<void> {
    if (text === this.#said) return;
    this.#said = text;
    await this.#options.note(text);
  }

  /** The task as it has ended for good, at a later attempt, or still at this one. */
  async lookOn({ id, status: { attempt } }: TaskReply): Promise<TaskReply> {
    const { clock } = this.#options;
    for (let count = 1; ; count += 1) {
      const task = await this.#look(id);
      if (task !== undefined) {
        const isNext = task.status.attempt > attempt && task.status.state !== 'pending';
        if (isNext || isFinal(task)) return task;
        if (!isPlaced(task)) await this.#noteWait(task);
        else if (count >= LOOK_COUNT_MAX) return task;
      }
      await sleep(clock, count < LOOK_COUNT_MAX ? SOON_MS : LOOK_MS);
    }
  }

  async #look(id: string): Promise<TaskReply | undefined> {
    try {
      return await this.#options.client.get(id);
    } catch (error) {
      if (!isPassing(error)) throw error;
      await this.note(error.message);
      return undefined;
    }
  }

  async #noteWait(task: TaskReply): Promise<void> {
    const { name } = task.spec;
    // Said once for each wait, not for each second that it is shorter.
    const wait = `${task.status.attempt} ${task.status.state}`;
    if (this.#waitSaid === wait) return;
    this.#waitSaid = wait;
    await this.note(`${name} is ${describeState(task, this.#options.clock.now())}. Waiting …`);
  }
}
