import type { CubeClient } from '../client/cube-client.ts';
import type { NodeReply, TaskReply } from '../link/replies.ts';
import { isFinal, isPlaced } from '../task/task.ts';
import type { CliIo } from './cli-io.ts';
import { describeLeaving } from './describe-leaving.ts';
import { describeState, shortId } from './describe-task.ts';
import { type ExitCode, exitCodes } from './exit-codes.ts';
import { countOf, toPlainText } from './plain-text.ts';
import { Progress } from './progress.ts';
import { commandName } from './typed-command.ts';
import { createWaitLimit } from './wait-limit.ts';
import { watchTasks } from './watch-tasks.ts';

/** Tasks that are named one by one at most, when the wait is over. */
const NAMED_MAX = 10;

interface Draining {
  readonly client: CubeClient;
  /** The node that is drained, as it was then. */
  readonly node: NodeReply;
  readonly flags: { readonly json?: boolean; readonly timeout?: string };
}

/**
 * Shows what moves and why what stays cannot move, until nothing is left on a drained node or the
 * wait is over.
 */
export async function waitUntilEmpty(
  io: CliIo,
  { client, node, flags }: Draining,
): Promise<ExitCode> {
  const { name } = node;
  using limit = createWaitLimit(io, flags.timeout);
  using resumption = watchResumption(client, node, limit.signal);
  const { signal } = resumption;
  const progress = new Progress(io);
  const left = new Map<string, TaskReply>();
  let isKnown = false;
  const show = async (): Promise<void> => {
    const now = await describeNow(io, { client, name, left: [...left.values()], signal });
    await progress.show(name, `${name}  ${left.size} left; ${now}`);
  };
  try {
    for await (const task of client.list({ node: name }, { signal })) {
      if (isPlaced(task)) left.set(task.id, task);
    }
    isKnown = true;
    let untold = left.size;
    const watched = watchTasks(client, [...left.values()], {
      signal,
      isDone: (task) => hasLeft(task, name),
      onInterrupted: (message) => void progress.say(`cube: ${message} Still waiting …`),
    });
    for await (const task of watched) {
      if (hasLeft(task, name)) left.delete(task.id);
      else left.set(task.id, task);
      untold -= 1;
      if (untold <= 0 && left.size > 0) await show();
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  await progress.clear();
  if (isKnown && left.size === 0) {
    if (node.liveness !== 'up') {
      const note = `cube: ${name} is ${node.liveness}: what ran there may run on until it is heard again.`;
      await io.stderr.write(`${toPlainText(note)}\n`);
    }
    if (flags.json !== true) await io.stdout.write(`${toPlainText(name)} is empty.\n`);
    return exitCodes.ok;
  }
  if (resumption.isResumed) {
    const count = `${countOf(left.size, 'task')} ${left.size === 1 ? 'is' : 'are'} still there`;
    await io.stderr.write(
      `${toPlainText(`cube: ${name} was resumed meanwhile, and takes tasks again; ${count}.`)}\n`,
    );
    return exitCodes.failed;
  }
  await tellLeft(io, { client, name, left: inOrder(left.values()), end: limit.end });
  return exitCodes[limit.end ?? 'timeout'];
}

/** Ends the wait when somebody else lets tasks in again. */
function watchResumption(
  client: CubeClient,
  { name, revision }: NodeReply,
  outer: AbortSignal,
): Disposable & { readonly signal: AbortSignal; readonly isResumed: boolean } {
  const resumed = new AbortController();
  const over = new AbortController();
  const watch = async (): Promise<void> => {
    const signal = AbortSignal.any([outer, over.signal]);
    const types = ['node-drain-ended'] as const;
    for await (const _ of client.events({ after: revision, node: name, types, signal })) {
      resumed.abort(new Error('The node was resumed.'));
      return;
    }
  };
  // The wait goes on without it; what it failed of, the wait meets as well.
  watch().catch(() => undefined);
  return {
    signal: AbortSignal.any([outer, resumed.signal]),
    get isResumed() {
      return resumed.signal.aborted;
    },
    [Symbol.dispose]: () => over.abort(),
  };
}

/** Whether it neither is on the node nor comes from there and does not run elsewhere yet. */
function hasLeft(task: TaskReply, node: string): boolean {
  const isThere = isPlaced(task) && task.status.node === node;
  return isFinal(task) || (!isThere && task.status.replacing?.node !== node);
}

/** In the order in which the manager lets them go. */
function inOrder(tasks: Iterable<TaskReply>): readonly TaskReply[] {
  return [...tasks].sort(
    (a, b) => b.spec.priority - a.spec.priority || a.createdRevision - b.createdRevision,
  );
}

interface Left {
  readonly client: CubeClient;
  readonly name: string;
  readonly left: readonly TaskReply[];
  readonly signal: AbortSignal;
}

/** `web (1a2b3c4d): running: moving`, or why nothing moves. */
async function describeNow(io: CliIo, { left, ...question }: Left): Promise<string> {
  const moving = left.find(
    ({ status }) => status.replacing !== undefined || status.desired === 'stopped',
  );
  if (moving !== undefined) return `${shown(moving)}: ${describeState(moving, io.clock.now())}`;
  const [first] = inOrder(left);
  return first === undefined ? '' : describeStay(io, { ...question, task: first });
}

interface Staying {
  readonly client: CubeClient;
  readonly name: string;
  readonly task: TaskReply;
  readonly signal?: AbortSignal;
}

/** Why a task is still there, by what the scheduler says now. */
async function describeStay(io: CliIo, { client, name, task, signal }: Staying): Promise<string> {
  const { now } = await client.placement(task.id, signal === undefined ? {} : { signal });
  return now === undefined
    ? `${shown(task)}: ${describeState(task, io.clock.now())}`
    : `${shown(task)} ${describeLeaving(now, name)}`;
}

function shown({ spec, id }: TaskReply): string {
  return `${spec.name} (${shortId(id)})`;
}

interface Unfinished {
  readonly client: CubeClient;
  readonly name: string;
  readonly left: readonly TaskReply[];
  readonly end: 'interrupted' | 'timeout' | undefined;
}

/** Says what is left and, unless the user has gone on to something else, why. */
async function tellLeft(io: CliIo, { client, name, left, end }: Unfinished): Promise<void> {
  const isTold = end !== 'interrupted' && left.length > 0;
  const count = `${countOf(left.length, 'task')} ${left.length === 1 ? 'is' : 'are'} still on ${name}`;
  const head = left.length === 0 ? `What is left on ${name} could not be read in time` : count;
  const lines = [`cube: ${head}; it stays drained${isTold ? ':' : '.'}`];
  for (const task of isTold ? left.slice(0, NAMED_MAX) : []) {
    lines.push(`  ${await describeStay(io, { client, name, task })}.`);
  }
  if (isTold && left.length > NAMED_MAX) lines.push(`  … and ${left.length - NAMED_MAX} more.`);
  const cube = commandName(io.environment);
  lines.push(`Next: ${cube} status --node ${name}   ${cube} node resume ${name}`);
  await io.stderr.write(lines.map((line) => `${toPlainText(line)}\n`).join(''));
}
