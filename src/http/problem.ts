import type { z } from 'zod';
import { CubeError, isCubeError } from '../errors/cube-error.ts';
import { formatPath } from '../errors/describe-value.ts';
import { nodeHttp } from '../lib/node-http.ts';
import type { problemSchema } from '../link/replies.ts';
import { statusOf } from './status-codes.ts';

export const PROBLEM_TYPE = 'application/problem+json';

/** Problem details by RFC 9457, the body of every reply that is an error. */
export type Problem = Readonly<z.output<typeof problemSchema>>;

/** The problem that a client is shown for `error`. */
export function toProblem(error: CubeError, requestId: string): Problem {
  const status = statusOf[error.code];
  const [first] = error.issues;
  return {
    type: `urn:cube:error:${error.code}`,
    title: nodeHttp.STATUS_CODES[status] ?? 'Error',
    status,
    detail: error.message,
    code: error.code,
    instance: `urn:uuid:${requestId}`,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    ...(first === undefined ? {} : { field: first.field, got: first.got, want: first.want }),
    ...(error.issues.length === 0 ? {} : { issues: [...error.issues] }),
  };
}

/** The framework's own refusals, in our words. */
const frameworkErrors: ReadonlyMap<string, () => CubeError> = new Map([
  ['FST_ERR_CTP_BODY_TOO_LARGE', () => bodyTooLarge()],
  ['FST_ERR_CTP_INVALID_CONTENT_LENGTH', () => cutShort()],
  ['ECONNRESET', () => cutShort()],
  ['FST_ERR_CTP_INVALID_MEDIA_TYPE', () => mediaTypeRefused('is not one that Cube reads')],
  ['FST_ERR_BAD_URL', () => badPath()],
  [
    'FST_ERR_MAX_PARAM_LENGTH',
    () => new CubeError('url-too-long', 'A part of the path is longer than any id or name.'),
  ],
]);

/**
 * Any thrown value as a CubeError. What is not ours becomes `internal`, without its message: that
 * may hold anything, and belongs into the log only.
 */
export function toCubeError(thrown: unknown): CubeError {
  if (isCubeError(thrown)) return thrown;
  const code =
    thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string'
      ? thrown.code
      : '';
  const known = frameworkErrors.get(code);
  if (known !== undefined) return known();
  return new CubeError('internal', 'Something went wrong inside Cube; its log tells more.', {
    cause: thrown,
    hint: 'Look for the id in "instance" in the log, and please report it.',
  });
}

function bodyTooLarge(): CubeError {
  return new CubeError('too-large', 'The body is larger than this path takes.', {
    issues: [{ field: '', got: 'too many bytes', want: 'a smaller body; most paths take 1 MiB' }],
    hint: 'Leave out what is not needed, or split the request.',
  });
}

export function mediaTypeRefused(why: string): CubeError {
  return new CubeError('unsupported-media-type', `The content type ${why}.`, {
    hint: 'Send JSON as application/json; text/plain, forms as curl sends them and no type work too.',
  });
}

function cutShort(): CubeError {
  return new CubeError('not-understood', 'The body is not as long as its headers say.');
}

function badPath(): CubeError {
  return new CubeError('invalid-input', 'The path is not valid: a "%" must begin an escape.', {
    issues: [
      { field: formatPath(['path']), got: 'a broken escape', want: 'a percent-encoded path' },
    ],
  });
}
