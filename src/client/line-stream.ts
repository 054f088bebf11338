import type { z } from 'zod';
import type { Connection } from './connection.ts';
import { parseReply, toBadReply } from './reply-error.ts';
import { type ApiRequest, openStream, type StreamOptions } from './request.ts';

/** The longest line that is read, in characters. */
const LINE_LENGTH_MAX = 1024 ** 2;

/**
 * Asks for newline-delimited JSON and yields each line as a value of this schema. Empty lines only
 * keep the connection alive and are passed over.
 *
 * @throws as `openStream`; `bad-reply` for a line that is too long or not of the schema.
 */
export async function* openJsonLines<Schema extends z.ZodType>(
  connection: Connection,
  request: ApiRequest & StreamOptions,
  schema: Schema,
): AsyncGenerator<z.output<Schema>, void, undefined> {
  const decoder = new TextDecoder('utf-8');
  let rest = '';
  const full = { accept: 'application/x-ndjson', ...request };
  for await (const chunk of openStream(connection, full, request)) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      checkLength(connection, line);
      if (line.trim() !== '') yield parseReply(connection, schema, line);
    }
    checkLength(connection, rest);
  }
  rest += decoder.decode();
  if (rest.trim() !== '') yield parseReply(connection, schema, rest);
}

function checkLength(connection: Connection, line: string): void {
  if (line.length <= LINE_LENGTH_MAX) return;
  throw toBadReply(connection, `a line is longer than ${LINE_LENGTH_MAX} characters`);
}
