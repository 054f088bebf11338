import { type FileHandle, link, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Random } from '../../lib/random.ts';

/** Writes the whole file or nothing: after it resolves not even a power cut takes it back. */
export async function writeDurably(path: string, text: string, random: Random): Promise<void> {
  const temporary = await writeTemporary(path, text, random);
  await rename(temporary, path);
  await syncDirectory(dirname(path));
}

/**
 * As `writeDurably`, but what is there already stays, so that of several writers the first wins.
 *
 * @returns whether it was this call that wrote.
 */
export async function writeDurablyOnce(
  path: string,
  text: string,
  random: Random,
): Promise<boolean> {
  const temporary = await writeTemporary(path, text, random);
  try {
    await link(temporary, path);
  } catch (error) {
    if (hasErrorCode(error, 'EEXIST')) return false;
    throw error;
  } finally {
    await rm(temporary, { force: true });
  }
  await syncDirectory(dirname(path));
  return true;
}

/**
 * Writes a file into a directory that nobody looks into yet, so that it needs no other name while
 * it is being written. Waits once for the disk.
 */
export async function writeNewDurably(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(text);
    await Promise.all([file.sync(), syncDirectory(dirname(path))]);
  } finally {
    await file.close();
  }
}

/** Room for a text of `ROOM_BYTES` at `path`, so that it can be written on a full disk too. */
export async function reserveRoom(path: string): Promise<void> {
  await writeFile(roomOf(path), Buffer.alloc(ROOM_BYTES), { mode: 0o600, flag: 'wx' });
}

const ROOM_BYTES = 4096;

function roomOf(path: string): string {
  return `${path}.room`;
}

async function writeTemporary(path: string, text: string, random: Random): Promise<string> {
  const temporary = `${path}.${random.uuid()}.tmp`;
  try {
    await writeAndSync(await open(temporary, 'wx', 0o600), text);
  } catch (error) {
    await rm(temporary, { force: true });
    if (!isDiskFull(error) || !(await takeRoom(path, temporary))) throw error;
    // Written over in place: what is given back to a full disk is gone to whoever is faster.
    await writeAndSync(await open(temporary, 'r+'), text);
  }
  return temporary;
}

/** Says whether room was reserved there. */
async function takeRoom(path: string, temporary: string): Promise<boolean> {
  try {
    await rename(roomOf(path), temporary);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

async function writeAndSync(file: FileHandle, text: string): Promise<void> {
  try {
    await file.writeFile(text);
    await file.truncate(Buffer.byteLength(text));
    await file.sync();
  } finally {
    await file.close();
  }
}

function isDiskFull(error: unknown): boolean {
  return hasErrorCode(error, 'ENOSPC') || hasErrorCode(error, 'EDQUOT');
}

/** Makes what was created, renamed or removed in the directory durable. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** The file's text; undefined where there is no such file. */
export async function findText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** Whether an error says that there is no such file, or (in /proc) that its process has ended. */
export function isMissing(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR', 'ESRCH'].some((code) => hasErrorCode(error, code));
}

/** Whether it is an error of the operating system with this code. */
export function hasErrorCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
