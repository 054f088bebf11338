import type { CubeClient, SubmittedReply } from '../client/cube-client.ts';
import { CubeError, isCubeError } from '../errors/cube-error.ts';
import { sleep } from '../lib/clock.ts';
import type { Submission } from '../task/submission.ts';
import type { CliIo } from './cli-io.ts';
import { connect, type ManagerFlags } from './manager-options.ts';
import { readSubmissions, toSubmission } from './read-submissions.ts';
import { hasSpecFlags, type SpecFlags, toSpecInput } from './spec-flags.ts';

export interface RunRequest {
  readonly files: readonly string[];
  readonly flags: SpecFlags;
  readonly operands: readonly string[];
}

/** A submission whose id is known before it is sent, so that sending it twice is harmless. */
export type IdentifiedSubmission = Submission & { readonly id: string };

/** @throws CubeError for the first file, flag or field that is wrong; then nothing was sent. */
export async function readTasksToRun(
  io: CliIo,
  request: RunRequest,
): Promise<readonly IdentifiedSubmission[]> {
  const { files, flags, operands } = request;
  const isFromFlags = hasSpecFlags(flags, operands);
  if (files.length === 0 && !isFromFlags) {
    throw new CubeError('invalid-input', 'There is no task: neither a file nor flags.', {
      hint: 'For example a file, web.json, or flags: --name job -- sleep 600',
    });
  }
  if (files.length > 0 && isFromFlags) {
    throw new CubeError('invalid-input', 'A task comes from a file or from flags, not from both.', {
      hint: `Change the file, or leave it out. A command to run goes behind "--": cube run -- ${files.join(' ')}`,
    });
  }
  const submissions: Submission[] = [];
  for (const file of files) submissions.push(...(await readSubmissions(io, file)));
  if (isFromFlags) {
    submissions.push(
      toSubmission(toSpecInput(flags, operands, io.environment), 'The command line'),
    );
  }
  if (flags.id !== undefined && !isFromFlags) {
    throw new CubeError('invalid-input', '--id goes with flags; in a file it is the field "id".');
  }
  return submissions.map((one) => ({ ...one, id: one.id ?? io.random.uuid() }));
}

const TRY_COUNT_MAX = 4;
const RETRY_MS = 250;

/**
 * Hands in all of them, one after the other.
 *
 * @throws CubeError for the first that is refused; those before it stay accepted, and the error
 *   says so.
 */
export async function submitAll(
  io: CliIo,
  flags: ManagerFlags,
  submissions: readonly IdentifiedSubmission[],
): Promise<readonly SubmittedReply[]> {
  const client = await connect(io, flags);
  const submitted: SubmittedReply[] = [];
  for (const submission of submissions) {
    try {
      submitted.push(await submit(io, client, submission));
    } catch (error) {
      throw withProgress(error, submitted.length, submissions.length);
    }
  }
  return submitted;
}

async function submit(
  io: CliIo,
  client: CubeClient,
  submission: IdentifiedSubmission,
): Promise<SubmittedReply> {
  for (let tryCount = 1; ; tryCount += 1) {
    try {
      return await client.submit({ ...submission.spec, id: submission.id });
    } catch (error) {
      const isRefused = isCubeError(error) && !error.retryable;
      if (isRefused || !isCubeError(error) || wasNeverThere(error)) throw error;
      if (tryCount === TRY_COUNT_MAX) throw withId(error, submission.id);
      await sleep(io.clock, RETRY_MS * 2 ** tryCount);
    }
  }
}

/** Where nothing listens, nothing was accepted, and asking again at once changes nothing. */
function wasNeverThere(error: CubeError): boolean {
  return error.code === 'unreachable' && error.message.includes('nothing listens there');
}

function withId(error: CubeError, id: string): CubeError {
  return new CubeError(
    error.code,
    `${error.message} It is not known whether the task was accepted.`,
    {
      cause: error,
      issues: error.issues,
      hint: `Repeat the command with --id ${id}: that never makes a second task.`,
    },
  );
}

function withProgress(error: unknown, doneCount: number, count: number): unknown {
  if (!(error instanceof CubeError) || count === 1) return error;
  const done = doneCount === 0 ? 'None was accepted.' : `The first ${doneCount} were accepted.`;
  const hint = [error.hint, done].filter((part) => part !== undefined).join(' ');
  return new CubeError(error.code, `Task ${doneCount + 1} of ${count}: ${error.message}`, {
    cause: error,
    issues: error.issues,
    hint,
  });
}
