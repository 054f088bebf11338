import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { CubeError, messageOf } from '../errors/cube-error.ts';
import { readJson } from '../errors/read-json.ts';
import { readSubmission } from '../task/read-submission.ts';
import type { Submission } from '../task/submission.ts';
import type { CliIo } from './cli-io.ts';

/** As large as the body of a request to a manager may be. */
const BYTES_MAX = 1024 ** 2;

const EXAMPLE = '{"name":"web","image":"nginx"}';

/**
 * The tasks in a file: one as JSON, or a list of them. `-` is the standard input.
 *
 * @throws CubeError naming the file, and the field within it.
 */
export async function readSubmissions(io: CliIo, path: string): Promise<readonly Submission[]> {
  const name = path === '-' ? 'The standard input' : path;
  const bytes = path === '-' ? await readInput(io) : await readFile(path);
  if (bytes.every((byte) => byte <= 0x20)) {
    throw new CubeError('invalid-input', `${name} is empty.`, {
      hint: `Want a task as JSON: ${EXAMPLE}`,
    });
  }
  const value = readJson(bytes, name);
  return Array.isArray(value)
    ? value.map((one: unknown, index) => toSubmission(one, `${name}, task ${index + 1}`))
    : [toSubmission(value, name)];
}

/** @param where names the file, and which of its tasks, for messages. */
export function toSubmission(value: unknown, where: string): Submission {
  try {
    const wish = readSubmission(value);
    if (wish.kind === 'run') return wish;
  } catch (error) {
    if (!(error instanceof CubeError)) throw error;
    const { code, message, issues, hint } = error;
    const options = { cause: error, issues, ...(hint === undefined ? {} : { hint }) };
    throw new CubeError(code, `${where}: ${message}`, options);
  }
  throw new CubeError('invalid-input', `${where} asks that a task stops, not that one runs.`, {
    hint: 'Use "cube stop".',
  });
}

async function readInput(io: CliIo): Promise<Uint8Array> {
  if (io.stdin.isTerminal) {
    await io.stderr.write('Type or paste a task as JSON, then Ctrl-D.\n');
  }
  return collect(io.stdin.read(), 'The standard input');
}

async function readFile(path: string): Promise<Uint8Array> {
  try {
    const stats = await stat(path);
    if (stats.isDirectory()) throw refuse(path, 'is a directory', 'Name a file in it.');
    if (stats.size > BYTES_MAX) throw tooLarge(path);
    return await collect(createReadStream(path), path);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    const [what, hint] = refusalByCode[code] ?? [];
    if (what !== undefined && hint !== undefined) throw refuse(path, what, hint);
    // Whatever else the system says of a file is no bug of ours.
    if (error instanceof CubeError || code === '') throw error;
    throw refuse(path, `cannot be read: ${messageOf(error)}`, 'Check the path.');
  }
}

const NO_FILE = 'For a command instead of a file: --name job -- COMMAND';

/** What is wrong with a file, and what to do, by the system's code. */
const refusalByCode: Readonly<Record<string, readonly [string, string]>> = {
  ENOENT: ['is not there', NO_FILE],
  ENOTDIR: ['is not there: a part of its path is a file', NO_FILE],
  ENAMETOOLONG: ['is not there: its path is longer than any', NO_FILE],
  ELOOP: ['is a loop of links', 'Name the file itself.'],
  EACCES: ['may not be read by you', 'Check its mode and owner.'],
  EPERM: ['may not be read by you', 'Check its mode and owner.'],
  ENXIO: ['is a socket', 'Name a file, or a pipe.'],
};

/** Reads no more than is allowed, whatever the size was said to be: a pipe has none. */
async function collect(source: AsyncIterable<Uint8Array>, name: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let byteCount = 0;
  for await (const chunk of source) {
    byteCount += chunk.byteLength;
    if (byteCount > BYTES_MAX) throw tooLarge(name);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function tooLarge(name: string): CubeError {
  return new CubeError('too-large', `${name} is larger than 1 MiB.`, {
    hint: 'Split it into several files.',
  });
}

function refuse(path: string, what: string, hint: string): CubeError {
  return new CubeError('invalid-input', `The file ${path} ${what}.`, { hint });
}
