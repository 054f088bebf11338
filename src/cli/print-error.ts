import { CubeError, messageOf } from '../errors/cube-error.ts';
import type { ErrorCode } from '../errors/error-codes.ts';
import type { CliIo } from './cli-io.ts';
import { createColors } from './colors.ts';
import { type ExitCode, exitCodes, toExitCode } from './exit-codes.ts';
import { toPlainJson, toPlainText } from './plain-text.ts';
import { asTyped } from './typed-command.ts';

/**
 * Tells what failed, why, and what to do next, on the error output; as JSON with `--json`.
 *
 * @returns the exit code that goes with it.
 */
export async function printError(io: CliIo, error: unknown, json: boolean): Promise<ExitCode> {
  const known = withHint(io, error instanceof CubeError ? error : toInternal(error));
  if (json) {
    const { code, message, issues, hint } = known;
    const text = JSON.stringify({ error: { code, message, issues, hint } });
    await io.stderr.write(`${toPlainJson(text)}\n`);
  } else {
    await io.stderr.write(`${formatError(io, known)}\n`);
  }
  return error instanceof CubeError ? toExitCode(error.code) : exitCodes.internal;
}

function formatError(io: CliIo, error: CubeError): string {
  const colors = createColors(io.stderr, io.environment);
  // The message tells the first issue.
  const more = error.issues
    .slice(1)
    .map(
      (issue) =>
        `  ${issue.field === '' ? '' : `${issue.field}: `}got ${issue.got}, want ${issue.want}`,
    );
  const first = error.hint === undefined ? error.message : `${error.message} ${error.hint}`;
  const lines = [first, ...more].map(toPlainText);
  return `${colors.red('cube:')} ${lines.join('\n')}`;
}

/** What to try next on a command line, for errors that come without a next step. */
const hintByCode: Partial<Record<ErrorCode, string>> = {
  unauthorized: 'Give the token with --token-file FILE or CUBE_TOKEN.',
  'storage-full': 'Make room on that disk; Cube goes on by itself.',
  unavailable: 'Try again in a moment.',
  'too-many-requests': 'Try again in a moment.',
};

function withHint(io: CliIo, error: CubeError): CubeError {
  const hint = error.hint ?? hintByCode[error.code];
  if (hint === undefined) return error;
  const { code, message, issues } = error;
  const typed = asTyped(io.environment, hint);
  return new CubeError(code, message, { cause: error, issues, hint: typed });
}

function toInternal(error: unknown): CubeError {
  const where = error instanceof Error ? (error.stack?.split('\n')[1]?.trim() ?? '') : '';
  return new CubeError('internal', `This is a bug in Cube: ${messageOf(error)} (${where}).`, {
    hint: 'Please report it with the command that led to it.',
  });
}
