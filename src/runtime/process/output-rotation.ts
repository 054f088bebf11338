import { execFile } from 'node:child_process';
import { fstatSync, ftruncateSync, readSync, writeSync } from 'node:fs';
import { type FileHandle, open, rename, rm, statfs } from 'node:fs/promises';
import { promisify } from 'node:util';
import { findStats } from './output-segments.ts';

/** How much of the output of one stream is kept. */
export interface OutputLimits {
  /** A file longer than this is rotated; see `rotateOutput` for what may be above it. */
  readonly fileBytesMax: number;
  /** Files kept besides the one being written; at least 1. */
  readonly rotatedCount: number;
}

/** 10 MiB in each of three files, as Docker is told to keep. */
export const DEFAULT_OUTPUT_LIMITS: OutputLimits = {
  fileBytesMax: 10 * 1024 ** 2,
  rotatedCount: 2,
};

/**
 * Stands in the output where some of it came and went before it could be kept or read: on a line
 * of its own, or at the end of a line whose rest was lost.
 */
export const LOST_MARK = '[some output was lost: the task writes faster than it is kept]';

/** The mark as it is written to a file. What stands after it begins a new line. */
export const LOST_BYTES: Buffer = Buffer.from(`${LOST_MARK}\n`);

/** What became of the bytes of the file being written. */
export interface Rotation {
  /** Bytes from here to before `keptTo` are in the newest rotated file now. */
  readonly keptFrom: number;
  readonly keptTo: number;
  /** Length of the mark that stands in the rotated file before what was kept; 0 for none. */
  readonly markBytesBefore: number;
  /** The same for the mark after it. */
  readonly markBytesAfter: number;
}

const COPY_BYTES = 256 * 1024;

const NEWLINE = 0x0a;

/**
 * Bounds a file that a program has open for appending, without the program's help: what is in it
 * is copied away, and then taken out of the file. The alternative, a process that reads a pipe,
 * would take the program with it when it dies.
 *
 * Where the file system can take out the front of a file in one step (ext4, XFS), nothing is lost.
 * Elsewhere the file is cut to nothing, and what is written between the last copy and the cut is
 * lost. A program that writes meanwhile may so lose the middle of a line: a mark is put there, and
 * the rest of that line is left out by readers. Only what is written in the microseconds of the
 * cut itself, by a program that had not written before during the rotation, is lost unmarked.
 *
 * Of a file that has grown to more than half again the limit only the last part is kept, from the
 * beginning of a line on, after a mark. No rotated file is much longer than twice the limit.
 *
 * @param options `collapses`: whether the file system is asked to take out the front. Default
 *   true.
 * @returns what was done; undefined when the file was short enough.
 */
export async function rotateOutput(
  path: string,
  limits: OutputLimits,
  options: { readonly collapses?: boolean } = {},
): Promise<Rotation | undefined> {
  const { fileBytesMax, rotatedCount } = limits;
  const size = (await findStats(path))?.size ?? 0;
  if (size <= fileBytesMax) return undefined;
  // First, since a full disk may need the room.
  await rm(`${path}.${rotatedCount}`, { force: true });
  await using source = await open(path, 'r+');
  await using target = await open(`${path}.new`, 'w', 0o600);
  const isTooLong = size > fileBytesMax * 1.5;
  const keptFrom = isTooLong
    ? await findLineBegin(source, { begin: size - fileBytesMax, end: size })
    : 0;
  if (isTooLong) await target.writeFile(LOST_BYTES);
  const collapsedTo = options.collapses === false ? 0 : await findCollapsible(path, size);
  const copiedTo = Math.max(keptFrom, collapsedTo > 0 ? collapsedTo : size);
  await copyRange(source, target, { begin: keptFrom, end: copiedTo });
  for (let index = rotatedCount; index > 1; index -= 1) {
    if ((await findStats(`${path}.${index - 1}`)) === undefined) continue;
    await rename(`${path}.${index - 1}`, `${path}.${index}`);
  }
  await rename(`${path}.new`, `${path}.1`);
  const common = { keptFrom, markBytesBefore: isTooLong ? LOST_BYTES.length : 0 };
  try {
    if (copiedTo === collapsedTo && (await collapse(path, collapsedTo))) {
      return { ...common, keptTo: collapsedTo, markBytesAfter: 0 };
    }
    const cutBytesMax = Math.floor(fileBytesMax / 2);
    return { ...common, ...cut({ source, target, copiedTo, size, cutBytesMax }) };
  } catch (error) {
    // Nothing was taken out of the file, so it must not stand in two files.
    await rm(`${path}.1`, { force: true });
    throw error;
  }
}

/**
 * Where a reader goes on that was at `offset`: bytes of the file being written, or negative, so
 * far before its beginning in the rotated files.
 */
export function moveOffset(offset: number, rotation: Rotation): number {
  const { keptFrom, keptTo, markBytesBefore, markBytesAfter } = rotation;
  const rotatedBytes = markBytesBefore + (keptTo - keptFrom) + markBytesAfter;
  if (offset < 0) return offset - rotatedBytes;
  if (offset < keptFrom) return -rotatedBytes;
  if (offset < keptTo) return offset - keptTo - markBytesAfter;
  return markBytesAfter > 0 ? -markBytesAfter : offset - keptTo;
}

/** The first beginning of a line after `begin`; `end` where there is none. */
async function findLineBegin(
  file: FileHandle,
  range: { readonly begin: number; readonly end: number },
): Promise<number> {
  const buffer = Buffer.allocUnsafe(COPY_BYTES);
  for (let position = range.begin; position < range.end; ) {
    const length = Math.min(buffer.length, range.end - position);
    const { bytesRead } = await file.read(buffer, 0, length, position);
    if (bytesRead === 0) break;
    const newline = buffer.subarray(0, bytesRead).indexOf(NEWLINE);
    if (newline !== -1) return position + newline + 1;
    position += bytesRead;
  }
  return range.end;
}

async function copyRange(
  source: FileHandle,
  target: FileHandle,
  range: { readonly begin: number; readonly end: number },
): Promise<void> {
  const buffer = Buffer.allocUnsafe(COPY_BYTES);
  for (let position = range.begin; position < range.end; ) {
    const length = Math.min(buffer.length, range.end - position);
    const { bytesRead } = await source.read(buffer, 0, length, position);
    if (bytesRead === 0) throw new Error('The output became shorter while it was copied.');
    await target.writeFile(buffer.subarray(0, bytesRead));
    position += bytesRead;
  }
}

/** How much of a file can be taken out at its front: whole blocks, and never its end. */
async function findCollapsible(path: string, size: number): Promise<number> {
  const { bsize } = await statfs(path);
  return Math.floor((size - 1) / bsize) * bsize;
}

/** Takes out the front of a file in one step; false, with nothing changed, where that cannot be. */
async function collapse(path: string, bytes: number): Promise<boolean> {
  try {
    const range = ['--offset', '0', '--length', `${bytes}`];
    await promisify(execFile)('fallocate', ['--collapse-range', ...range, '--', path]);
    return true;
  } catch {
    // No such program, or a file system that cannot do it: the caller has another way.
    return false;
  }
}

interface Cut {
  readonly source: FileHandle;
  readonly target: FileHandle;
  /** What is before this byte has been copied. */
  readonly copiedTo: number;
  /** How long the file was when the rotation began. */
  readonly size: number;
  /** Copies no more than this much of what was written since. */
  readonly cutBytesMax: number;
}

/** Copies the rest and cuts the file to nothing, without a pause for anything else in between. */
function cut(parts: Cut): Pick<Rotation, 'keptTo' | 'markBytesAfter'> {
  const { source, target, copiedTo, size, cutBytesMax } = parts;
  const buffer = Buffer.allocUnsafe(COPY_BYTES);
  let keptTo = copiedTo;
  while (keptTo < size + cutBytesMax) {
    const length = Math.min(buffer.length, size + cutBytesMax - keptTo);
    const bytesRead = readSync(source.fd, buffer, 0, length, keptTo);
    if (bytesRead === 0) break;
    writeAll(target, buffer.subarray(0, bytesRead));
    keptTo += bytesRead;
  }
  // A program that has been writing all the while most likely does so now.
  const isMarked = keptTo > size || fstatSync(source.fd).size > keptTo;
  if (isMarked) writeAll(target, LOST_BYTES);
  ftruncateSync(source.fd, 0);
  return { keptTo, markBytesAfter: isMarked ? LOST_BYTES.length : 0 };
}

function writeAll(file: FileHandle, bytes: Buffer): void {
  for (let written = 0; written < bytes.length; ) {
    written += writeSync(file.fd, bytes, written);
  }
}
