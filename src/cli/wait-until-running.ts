import type { SubmittedReply } from '../client/cube-client.ts';
import type { TaskReply } from '../link/replies.ts';
import type { PublishedPort } from '../task/port.ts';
import type { CliIo } from './cli-io.ts';
import { createColors } from './colors.ts';
import { describeExitCode, describeState, formatPort, shortId } from './describe-task.ts';
import { type ExitCode, exitCodes } from './exit-codes.ts';
import { connect, type ManagerFlags } from './manager-options.ts';
import { toPlainLines, toPlainText } from './plain-text.ts';
import { Progress } from './progress.ts';
import { commandName } from './typed-command.ts';
import { createWaitLimit, type WaitEnd } from './wait-limit.ts';
import { watchTasks } from './watch-tasks.ts';

export interface WaitRequest {
  readonly flags: ManagerFlags & { readonly timeout?: string };
  readonly submitted: readonly SubmittedReply[];
}

export interface WaitOutcome {
  readonly exitCode: ExitCode;
  /** As they were when the wait was over. */
  readonly tasks: readonly TaskReply[];
}

/** Waits until each task runs or has ended, and tells people what became of it. */
export async function waitUntilRunning(io: CliIo, request: WaitRequest): Promise<WaitOutcome> {
  const { flags, submitted } = request;
  const client = await connect(io, flags);
  const progress = new Progress(io);
  using limit = createWaitLimit(io, flags.timeout);
  for (const { task, created } of submitted) {
    if (!created)
      await progress.say(`${task.spec.name} was handed in before: this is the same task.`);
  }
  const tasks = new Map(submitted.map(({ task }) => [task.id, task]));
  const watched = watchTasks(client, [...tasks.values()], {
    signal: limit.signal,
    isDone: isSettled,
    onInterrupted: (message) => void progress.say(`cube: ${message} Still waiting …`),
  });
  try {
    for await (const task of watched) {
      tasks.set(task.id, task);
      if (isSettled(task)) await tellResult(io, task, { progress, quiet: flags.json === true });
      else await progress.show(task.id, `${task.spec.name}  ${describeProgress(io, task)}`);
    }
  } catch (error) {
    if (!limit.signal.aborted) throw error;
  }
  await progress.clear();
  const results = [...tasks.values()];
  if (limit.end !== undefined) await tellUnfinished(io, results, limit.end);
  const exitCode = results.some(({ status }) => status.state === 'failed')
    ? exitCodes.failed
    : limit.end === undefined
      ? exitCodes.ok
      : exitCodes[limit.end];
  return { exitCode, tasks: results };
}

interface TellContext {
  readonly progress: Progress;
  /** With --json the result is printed by the caller. */
  readonly quiet: boolean;
}

async function tellResult(
  io: CliIo,
  task: TaskReply,
  { progress, quiet }: TellContext,
): Promise<void> {
  await progress.end(task.id);
  if (task.status.state === 'failed') await progress.say(describeFailure(io, task));
  else if (!quiet) {
    await progress.clear();
    await io.stdout.write(describeSuccess(io, task));
  }
}

/** What is about to be replaced, or started again at once, has not come to anything yet. */
function isSettled({ status }: TaskReply): boolean {
  if (status.replacing !== undefined || status.restartDelayMs === 0) return false;
  return ['running', 'completed', 'failed'].includes(status.state);
}

function describeProgress(io: CliIo, task: TaskReply): string {
  const where = task.status.node === undefined ? '' : ` on ${task.status.node}`;
  const state = describeState(task, io.clock.now());
  return state.replace(/^(scheduled)/, `$1${where}`);
}

function describeSuccess(io: CliIo, task: TaskReply): string {
  const { spec, status } = task;
  const colors = createColors(io.stdout, io.environment);
  const id = shortId(task.id);
  const cube = commandName(io.environment);
  const where = status.node === undefined ? '' : ` on ${status.node}`;
  if (status.state === 'completed') {
    const how = status.reason?.code === 'stopped-by-user' ? 'was stopped' : 'has completed';
    return toText([
      `${colors.green(toPlainText(spec.name))} ${how}${where}.  ${task.id}`,
      `  Next: ${cube} logs ${id}`,
    ]);
  }
  return toText([
    `${colors.green(toPlainText(spec.name))} is running${where}.  ${task.id}`,
    ...(status.ports ?? []).map((port) => `  ${describePort(port)}`),
    `  Next: ${cube} logs -f ${id}   ${cube} status   ${cube} stop ${id}`,
  ]);
}

/** As something to click on, where it may be a web page. */
function describePort(port: PublishedPort): string {
  if (port.protocol !== 'tcp') return formatPort(port);
  const isAny = port.address === '0.0.0.0' || port.address === '::';
  const host = isAny ? '127.0.0.1' : port.address;
  return `http://${host.includes(':') ? `[${host}]` : host}:${port.host} -> ${port.container}/tcp`;
}

function toText(lines: readonly string[]): string {
  return `${lines.join('\n')}\n`;
}

/** Why, what it last wrote, and whether it is tried again. */
function describeFailure(io: CliIo, task: TaskReply): string {
  const { status, spec } = task;
  const id = shortId(task.id);
  const cube = commandName(io.environment);
  const why = status.reason?.message ?? 'No reason is known.';
  const exit = describeExitCode(task);
  const code = exit === undefined ? '' : ` (${exit})`;
  const again =
    status.restartDelayMs === undefined
      ? `Next: ${cube} inspect ${id}   ${cube} logs ${id}`
      : `It is started again by its restart policy. Next: ${cube} logs ${id}   ${cube} stop ${id}`;
  const output = status.output === undefined ? [] : toPlainLines(status.output);
  return [
    `cube: ${spec.name} failed${code}: ${why}`,
    ...output.map((line) => `  | ${line}`),
    `  ${again}`,
  ].join('\n');
}

async function tellUnfinished(io: CliIo, tasks: readonly TaskReply[], end: WaitEnd): Promise<void> {
  const why = end === 'timeout' ? 'The time is over' : 'Interrupted';
  for (const task of tasks.filter((one) => !isSettled(one))) {
    const state = describeState(task, io.clock.now());
    const id = shortId(task.id);
    const cube = commandName(io.environment);
    const text = `cube: ${why}, but ${task.spec.name} goes on without this command. It is ${state}. Next: ${cube} explain ${id}   ${cube} stop ${id}`;
    await io.stderr.write(`${toPlainText(text)}\n`);
  }
}
