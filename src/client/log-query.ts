import type { LogOptions } from '../link/protocol.ts';

/**
 * The other side says something, if only an empty line, every 15 s; after four times that the
 * connection is dead.
 */
export const LOG_IDLE_MS = 60_000;

/** The options of a request for output, as query parameters. */
export function logQuery(options: LogOptions): readonly (readonly [string, string])[] {
  const query: (readonly [string, string])[] = [];
  if (options.follow) query.push(['follow', 'true']);
  if (options.tail !== undefined) query.push(['tail', String(options.tail)]);
  return query;
}
