import { fstatSync, ftruncateSync } from 'node:fs';
import { type FileHandle, open, rename } from 'node:fs/promises';
import { findStats } from './output-segments.ts';

/** How much of the output of one stream is kept. */
export interface OutputLimits {
  /** A file longer than this is rotated; see `rotateOutput` for what may be above it. */
  readonly fileBytesMax: number;
  /** Files kept besides the one being written. */
  readonly rotatedCount: number;
}

/** 10 MiB in each of three files, as Docker is told to keep. */
export const DEFAULT_OUTPUT_LIMITS: OutputLimits = {
  fileBytesMax: 10 * 1024 ** 2,
  rotatedCount: 2,
};

/** Stands in the output where some of it came and went before it could be kept or read. */
export const LOST_MARK = '[some output was lost: the task writes faster than it is kept]';

const COPY_BYTES = 1024 ** 2;

/** Copying ends after so many looks at a file that does not stop growing. */
const LOOK_COUNT_MAX = 20;

/**
 * Bounds a file that a program has open for appending: what is in it is copied away and the file
 * is cut to nothing, so that the program goes on writing at the beginning. What is written in the
 * few microseconds between the last look and the cut is lost; the alternative, a process that
 * reads a pipe, would take the program with it when it dies.
 *
 * Of a file that has grown to more than half again the limit only the last part is kept, after a
 * line that says so.
 *
 * @returns how long the file was when it was cut; undefined when it was short enough.
 */
export async function rotateOutput(
  path: string,
  limits: OutputLimits,
): Promise<number | undefined> {
  const { fileBytesMax, rotatedCount } = limits;
  const size = (await findStats(path))?.size ?? 0;
  if (size <= fileBytesMax) return undefined;
  for (let index = rotatedCount; index > 1; index -= 1) {
    if ((await findStats(`${path}.${index - 1}`)) === undefined) continue;
    await rename(`${path}.${index - 1}`, `${path}.${index}`);
  }
  await using source = await open(path, 'r+');
  if (rotatedCount === 0) return cut(source);
  await using target = await open(`${path}.1`, 'w', 0o600);
  let copied = 0;
  if (size > fileBytesMax * 1.5) {
    copied = size - fileBytesMax;
    await target.writeFile(`\n${LOST_MARK}\n`);
  }
  for (let looks = 0; looks < LOOK_COUNT_MAX; looks += 1) {
    const now = fstatSync(source.fd).size;
    if (now === copied) break;
    copied = await copyRange(source, target, { begin: copied, end: now });
  }
  return cut(source);
}

/** Without a pause for anything else between the look and the cut. */
function cut(file: FileHandle): number {
  const { size } = fstatSync(file.fd);
  ftruncateSync(file.fd, 0);
  return size;
}

async function copyRange(
  source: FileHandle,
  target: FileHandle,
  range: { readonly begin: number; readonly end: number },
): Promise<number> {
  const buffer = Buffer.allocUnsafe(Math.min(COPY_BYTES, range.end - range.begin));
  let position = range.begin;
  while (position < range.end) {
    const length = Math.min(buffer.length, range.end - position);
    const { bytesRead } = await source.read(buffer, 0, length, position);
    if (bytesRead === 0) break;
    await target.writeFile(buffer.subarray(0, bytesRead));
    position += bytesRead;
  }
  return position;
}
