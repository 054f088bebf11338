import { CubeError } from '../errors/cube-error.ts';
import { type LogLine, type LogOptions, logLineSchema } from '../link/protocol.ts';
import { flag, wholeNumber } from './query.ts';
import type { ReplyShape } from './route.ts';

/** Query parameters of every path that gives output. */
export const logParameters = {
  follow: flag.default(false).describe('Go on as new lines come, until the attempt has ended.'),
  tail: wholeNumber(0, 100_000).optional().describe('Begin with this many of the last lines.'),
};

export const logReply: ReplyShape = {
  description: 'One JSON object a line; plain text where the Accept header prefers text/plain.',
  mediaType: 'application/x-ndjson',
  schema: logLineSchema,
};

export function toLogOptions(query: {
  readonly follow: boolean;
  readonly tail?: number | undefined;
}): LogOptions {
  return { follow: query.follow, ...(query.tail === undefined ? {} : { tail: query.tail }) };
}

/** A task may be silent for long, and clients give up on a connection that is. */
const HEARTBEAT_MS = 15_000;

/** How lines are written, by what the client accepts. @throws CubeError `not-acceptable`. */
export function logFormat(accept: string | undefined): {
  readonly mediaType: string;
  readonly encode: (line: LogLine) => string;
  readonly heartbeat?: { readonly everyMs: number; readonly text: () => string };
} {
  const mediaType = chooseMediaType(accept, ['application/x-ndjson', 'text/plain']);
  if (mediaType === 'text/plain') {
    return { mediaType: 'text/plain; charset=utf-8', encode: (line) => `${line.text}\n` };
  }
  // Readers of NDJSON pass over empty lines; plain text has nothing that says nothing.
  return { mediaType, encode: encodeLine, heartbeat: { everyMs: HEARTBEAT_MS, text: () => '\n' } };
}

/** A value as one line of NDJSON. */
export function encodeLine(value: object): string {
  return `${JSON.stringify(value)}\n`;
}

/**
 * The first of `offered` that the Accept header names highest, in its own order of preference.
 *
 * @throws CubeError `not-acceptable`, where it takes none of them.
 */
export function chooseMediaType(accept: string | undefined, offered: readonly string[]): string {
  const [first = ''] = offered;
  if (accept === undefined || accept.trim() === '') return first;
  const ranges = accept
    .slice(0, 1000)
    .split(',')
    .map((range) => {
      const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
      const quality = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2);
      return { type, quality: quality === undefined ? 1 : Number(quality) };
    })
    .filter(({ quality }) => quality > 0)
    .sort((a, b) => b.quality - a.quality);
  for (const { type } of ranges) {
    const match = offered.find(
      (one) => type === '*/*' || type === one || type === `${one.split('/')[0]}/*`,
    );
    if (match !== undefined) return match;
  }
  throw new CubeError('not-acceptable', `This is given as ${offered.join(' or ')} only.`, {
    hint: 'Leave out the Accept header, or name one of these.',
  });
}
