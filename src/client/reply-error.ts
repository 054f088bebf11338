import type { z } from 'zod';
import { CubeError } from '../errors/cube-error.ts';
import { type ErrorCode, errorCodes } from '../errors/error-codes.ts';
import { problemSchema } from '../link/replies.ts';
import type { Connection } from './connection.ts';

/** The error for something that answers, but not as Cube does. */
export function toBadReply(connection: Connection, what: string, cause?: unknown): CubeError {
  return new CubeError(
    'bad-reply',
    `What answers at ${connection.baseUrl} is not a Cube ${connection.peer} that this version understands: ${what}.`,
    {
      cause,
      hint: 'Check host and port, and that both sides run the same version of Cube.',
    },
  );
}

/**
 * The error that problem details tell of.
 *
 * @param status of the reply that they are, if they are one.
 */
export function toReplyError(connection: Connection, body: string, status?: number): CubeError {
  const problem = problemSchema.safeParse(parseOrUndefined(body));
  if (!problem.success) {
    const what =
      status === undefined ? 'it tells of an error' : `it answered with status ${status}`;
    return toBadReply(connection, what);
  }
  const { code, detail, issues, hint } = problem.data;
  if (!isErrorCode(code)) {
    return toBadReply(connection, `its error code "${code.slice(0, 40)}" is unknown`);
  }
  const next = hint ?? (code === 'unauthorized' ? tokenHint(connection) : undefined);
  return new CubeError(code, detail, {
    ...(issues === undefined ? {} : { issues: issues.map(withoutAbsent) }),
    ...(next === undefined ? {} : { hint: next }),
  });
}

/** Only this side knows whether there was a token; where there was none, others say how to give it. */
function tokenHint({ token, peer }: Connection): string | undefined {
  if (token === undefined) return undefined;
  return `The token that was sent is not that of this ${peer}: give the one that it was started with.`;
}

function withoutAbsent(issue: {
  readonly field: string;
  readonly got: string;
  readonly want: string;
  readonly example?: string | undefined;
}): { field: string; got: string; want: string; example?: string } {
  const { example, ...rest } = issue;
  return example === undefined ? rest : { ...rest, example };
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(errorCodes, code);
}

function parseOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** @throws CubeError `bad-reply`, when `text` is not JSON of this schema. */
export function parseReply<Schema extends z.ZodType>(
  connection: Connection,
  schema: Schema,
  text: string,
): z.output<Schema> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw toBadReply(connection, 'the answer is not JSON', error);
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const where = issue?.path.join('.') ?? '';
  throw toBadReply(
    connection,
    `${where === '' ? 'the answer' : `"${where}"`} does not have the form expected`,
    parsed.error,
  );
}
