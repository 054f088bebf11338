import type { LogOptions } from '../link/protocol.ts';

/** The options of a request for output, as query parameters. */
export function logQuery(options: LogOptions): readonly (readonly [string, string])[] {
  const query: (readonly [string, string])[] = [];
  if (options.follow) query.push(['follow', 'true']);
  if (options.tail !== undefined) query.push(['tail', String(options.tail)]);
  return query;
}
