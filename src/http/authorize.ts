import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { CubeError } from '../errors/cube-error.ts';
import { headerValues } from './doors.ts';

/** Who may use a route. Each has to say it; where nothing is said, nobody may. */
export type Access =
  /** Anyone who gets through the doors. */
  | 'open'
  /** Whoever has the token, where one is configured. */
  | 'token';

/** Decides on one request. @throws CubeError `unauthorized`. */
export type Authorize = (request: IncomingMessage, access: Access | undefined) => void;

const QUERY_TOKEN = /[?&](?:token|access_token|auth|authorization|bearer)=/i;

/** The one judge of every request, whatever its route. */
export function createAuthorize(token: string | undefined): Authorize {
  const expected = token === undefined ? undefined : digest(token);
  return (request, access) => {
    if (QUERY_TOKEN.test(request.url ?? '')) {
      throw new CubeError(
        'unauthorized',
        'A token in the address ends up in logs and histories, so it is not taken from there.',
        { hint: 'Send it in a header: "Authorization: Bearer TOKEN".' },
      );
    }
    if (access === 'open') return;
    if (access === 'token' && (expected === undefined || hasToken(request, expected))) return;
    // Says nothing of what was wrong, so that nothing can be learnt by trying.
    throw new CubeError('unauthorized', 'This needs a valid token.');
  };
}

function hasToken(request: IncomingMessage, expected: Buffer): boolean {
  const values = headerValues(request, 'authorization');
  const match = /^bearer +([!-~]{1,4096})$/i.exec(values[0] ?? '');
  // Digests have one length, so that comparing them takes one time whatever was sent.
  const isSame = timingSafeEqual(digest(match?.[1] ?? ''), expected);
  return values.length === 1 && match !== null && isSame;
}

function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
