import { z } from 'zod';

/**
 * A session: a command that is run in a running task, with its input and output in the hands of
 * whoever asked for it. On its way from a client over the manager to the worker and its runtime it
 * is the same everywhere: a request, what goes in, and what comes out.
 */

/** How large a terminal is, in characters. */
const terminalSizeSchema = z.object({
  columns: z.int().min(1).max(10_000),
  rows: z.int().min(1).max(10_000),
});

type TerminalSize = Readonly<z.output<typeof terminalSizeSchema>>;

/** The arguments of a command take no more than this, in characters. */
const COMMAND_LENGTH_MAX = 60_000;

export const sessionRequestSchema = z
  .strictObject({
    command: z
      .array(z.string().regex(/^[^\0]*$/, 'a text without NUL'))
      .min(1)
      .max(1000)
      .refine(([program]) => program !== '', 'the name of a program first, which "" is not')
      .refine(
        (words) => words.join(' ').length <= COMMAND_LENGTH_MAX,
        'words of at most 60,000 characters together',
      )
      .describe('A program and its arguments; no shell comes in between.'),
    terminal: terminalSizeSchema
      .extend({
        type: z
          .string()
          .regex(/^[\w.+-]{1,64}$/)
          .optional(),
      })
      .optional()
      .describe('Gives the command a terminal; its two outputs are one then. Default: none.'),
  })
  .meta({ id: 'SessionRequest' });

export type SessionRequest = Readonly<z.output<typeof sessionRequestSchema>>;

/** What goes into a session. */
export type SessionInput =
  | { readonly type: 'input'; readonly data: Uint8Array }
  /** There is no more input. At a terminal: the character that says so. */
  | { readonly type: 'end' }
  | ({ readonly type: 'resize' } & TerminalSize);

/** What comes out of a session; `exit` is always the last. */
export type SessionOutput =
  | { readonly type: 'stdout' | 'stderr'; readonly data: Uint8Array }
  /** As a shell has it: 127 for a program that is not there, 128 and the number of a signal. */
  | { readonly type: 'exit'; readonly code: number };

export interface SessionOptions {
  readonly request: SessionRequest;
  readonly input: AsyncIterable<SessionInput>;
  /** Kills the command with all that it has started. */
  readonly signal: AbortSignal;
}

/**
 * One message of a session's connection: a byte that says what it is, and its content. Data comes
 * in pieces of at most 64 KiB. Each side may send a window of 256 KiB of data and then waits until
 * the other tells with `taken` how much of it has gone on its way.
 */
export type SessionFrame =
  /** The first message; a `SessionRequest`, still to be checked. */
  | { readonly type: 'request'; readonly json: Uint8Array }
  | { readonly type: 'taken'; readonly bytes: number }
  /** Problem details, as the body of a reply has them; the last message. */
  | { readonly type: 'problem'; readonly json: string }
  | SessionInput
  | SessionOutput;

/** Data in one message, in bytes. */
export const FRAME_BYTES_MAX: number = 64 * 1024;

/** The whole of one message, in bytes. */
export const MESSAGE_BYTES_MAX: number = 512 * 1024;

const frameTypes = [
  'request',
  'input',
  'end',
  'resize',
  'stdout',
  'stderr',
  'exit',
  'problem',
  'taken',
] as const;

const exitSchema = z.object({ code: z.int().min(-1).max(255) });
const takenSchema = z.object({ bytes: z.int().min(1).max(FRAME_BYTES_MAX) });

/** @throws TypeError for data that is too long for one message. */
export function encodeFrame(frame: SessionFrame): Uint8Array {
  const kind = frameTypes.indexOf(frame.type);
  const content = contentOf(frame);
  if ('data' in frame && content.length > FRAME_BYTES_MAX) throw new TypeError('Too much data.');
  const message = new Uint8Array(content.length + 1);
  message[0] = kind;
  message.set(content, 1);
  return message;
}

function contentOf(frame: SessionFrame): Uint8Array {
  const text = new TextEncoder();
  switch (frame.type) {
    case 'input':
    case 'stdout':
    case 'stderr':
      return frame.data;
    case 'request':
      return frame.json;
    case 'end':
      return new Uint8Array();
    case 'problem':
      return text.encode(frame.json);
    case 'resize':
    case 'exit':
    case 'taken': {
      const { type: _, ...fields } = frame;
      return text.encode(JSON.stringify(fields));
    }
  }
}

/** The frame of a message; undefined for what is none. */
export function decodeFrame(message: Uint8Array): SessionFrame | undefined {
  const type = frameTypes[message[0] ?? frameTypes.length];
  const content = message.subarray(1);
  switch (type) {
    case 'input':
    case 'stdout':
    case 'stderr':
      return content.length > FRAME_BYTES_MAX ? undefined : { type, data: content };
    case 'end':
      return { type };
    case 'problem':
      return { type, json: new TextDecoder().decode(content) };
    case 'request':
      return { type, json: content };
    case 'resize':
      return withType(type, parseContent(terminalSizeSchema, content));
    case 'exit':
      return withType(type, parseContent(exitSchema, content));
    case 'taken':
      return withType(type, parseContent(takenSchema, content));
    default:
      return undefined;
  }
}

function withType<Type extends string, Fields extends object>(
  type: Type,
  fields: Fields | undefined,
): ({ readonly type: Type } & Fields) | undefined {
  return fields === undefined ? undefined : { type, ...fields };
}

function parseContent<Schema extends z.ZodType>(
  schema: Schema,
  content: Uint8Array,
): z.output<Schema> | undefined {
  try {
    return schema.parse(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(content)));
  } catch {
    // What the other side sent is not of this form; whoever reads it says so.
    return undefined;
  }
}
