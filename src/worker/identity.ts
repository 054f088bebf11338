import { mkdir, open, rename, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { CubeError, messageOf } from '../errors/cube-error.ts';
import type { Random } from '../lib/random.ts';

const identitySchema = z.object({
  id: z.uuid(),
  cluster: z.uuid().optional(),
  /** The newest epoch of that cluster that was obeyed. */
  epoch: z.int().min(1).optional(),
});

/** Who a worker is: the same after every restart, and the label of all that it runs. */
export type WorkerIdentity = Readonly<z.output<typeof identitySchema>>;

/** An identity file is some 100 bytes; anything much larger is something else. */
const BYTES_MAX = 4096;

/**
 * The identity in the file at `path`, which is made with a new id where there is none. The file
 * is readable by its owner alone, and on the disk when the promise resolves.
 *
 * @throws CubeError `storage-damaged`, when the file is there but holds no identity; it is left as
 *   it is. `storage-full` or `storage-failed`, when it cannot be read or written.
 */
export async function loadWorkerIdentity(path: string, random: Random): Promise<WorkerIdentity> {
  const text = await readIfThere(path);
  if (text !== undefined) return parseIdentity(path, text);
  const identity = { id: random.uuid() };
  await saveWorkerIdentity(path, identity);
  return identity;
}

/** Writes the identity so that a crash leaves either the old file or the new one. */
export async function saveWorkerIdentity(path: string, identity: WorkerIdentity): Promise<void> {
  const temporary = `${path}.tmp`;
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeDurably(temporary, `${JSON.stringify(identity)}\n`);
    await rename(temporary, path);
    await flushDirectory(dirname(path));
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw fileError(`The identity of the worker could not be written to ${path}`, error);
  }
}

function parseIdentity(path: string, text: string): WorkerIdentity {
  const parsed = identitySchema.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  throw new CubeError(
    'storage-damaged',
    `${path} should hold the worker's identity, {"id": "<UUID>"}, and does not. It was left as it is.`,
    {
      hint: 'Restore the file from a copy, or move it away: the worker then joins as a new one, and what the old one ran must be removed by hand.',
    },
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not JSON is as wrong as any other value that is no identity.
    return undefined;
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    await using file = await open(path, 'r');
    const buffer = Buffer.alloc(BYTES_MAX);
    const { bytesRead } = await file.read(buffer, 0, BYTES_MAX, 0);
    return buffer.toString('utf8', 0, bytesRead);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw fileError(`The identity of the worker could not be read from ${path}`, error);
  }
}

async function writeDurably(path: string, text: string): Promise<void> {
  // A rest of an earlier crash may be there; the directory is the worker's own.
  await using file = await open(path, 'w', 0o600);
  // The umask may have taken bits away or left more than asked for on odd file systems.
  await file.chmod(0o600);
  await file.writeFile(text);
  await file.sync();
}

async function flushDirectory(path: string): Promise<void> {
  await using directory = await open(path, 'r');
  await directory.sync();
}

function fileError(words: string, error: unknown): CubeError {
  const code = codeOf(error) === 'ENOSPC' ? 'storage-full' : 'storage-failed';
  return new CubeError(code, `${words}: ${messageOf(error)}.`, {
    cause: error,
    hint: 'Check that the data directory exists, belongs to the user of Cube and has room.',
  });
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
