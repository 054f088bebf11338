import { open, rename, truncate } from 'node:fs/promises';
import { findStats, readRange } from './output-segments.ts';

/** How much of the output of one stream is kept. */
export interface OutputLimits {
  /** A file longer than this is rotated. */
  readonly fileBytesMax: number;
  /** Files kept besides the one being written. */
  readonly rotatedCount: number;
}

/** 10 MiB in each of three files, as Docker is told to keep. */
export const DEFAULT_OUTPUT_LIMITS: OutputLimits = {
  fileBytesMax: 10 * 1024 ** 2,
  rotatedCount: 2,
};

const COPY_BYTES = 1024 ** 2;

/** One rotation: of `sizeBytes` the last `keptBytes` are now in the first rotated file. */
export interface Rotation {
  readonly sizeBytes: number;
  readonly keptBytes: number;
}

/**
 * Bounds a file that a program has open for appending: its last part is copied away and the file
 * is cut to nothing, so that the program goes on writing at the beginning. What is written
 * between the two is lost; the alternative, a process that reads a pipe, would take the program
 * with it when it dies.
 *
 * @returns undefined when the file was short enough.
 */
export async function rotateOutput(
  path: string,
  limits: OutputLimits,
): Promise<Rotation | undefined> {
  const size = (await findStats(path))?.size ?? 0;
  if (size <= limits.fileBytesMax) return undefined;
  for (let index = limits.rotatedCount; index > 1; index -= 1) {
    if ((await findStats(`${path}.${index - 1}`)) === undefined) continue;
    await rename(`${path}.${index - 1}`, `${path}.${index}`);
  }
  const begin = size - limits.fileBytesMax;
  if (limits.rotatedCount > 0) await copyRange(path, `${path}.1`, { begin, end: size });
  await truncate(path, 0);
  return { sizeBytes: size, keptBytes: limits.rotatedCount > 0 ? limits.fileBytesMax : 0 };
}

async function copyRange(
  from: string,
  to: string,
  range: { readonly begin: number; readonly end: number },
): Promise<void> {
  const target = await open(to, 'w', 0o600);
  try {
    for (let begin = range.begin; begin < range.end; begin += COPY_BYTES) {
      const end = Math.min(range.end, begin + COPY_BYTES);
      await target.writeFile(await readRange(from, begin, end));
    }
  } finally {
    await target.close();
  }
}
