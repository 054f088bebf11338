import type { Stats } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { isMissing } from './durable-file.ts';

/** A file that holds a part of one stream's output. */
export interface OutputSegment {
  readonly path: string;
  readonly sizeBytes: number;
}

const BLOCK_BYTES = 64 * 1024;

const NEWLINE = 0x0a;

/** The files of one stream, oldest first; the last one is being written. */
export async function findSegments(
  path: string,
  rotatedCount: number,
): Promise<readonly OutputSegment[]> {
  const paths = Array.from(
    { length: rotatedCount },
    (_, index) => `${path}.${rotatedCount - index}`,
  );
  const segments: OutputSegment[] = [];
  for (const one of [...paths, path]) {
    const stats = await findStats(one);
    if (stats !== undefined) segments.push({ path: one, sizeBytes: stats.size });
  }
  return segments;
}

/** Where the last lines of a stream begin. */
export interface Tail {
  /** In bytes from the beginning of the first segment. */
  readonly begin: number;
  /** How many lines there are from there on; fewer than asked for where there are no more. */
  readonly lineCount: number;
}

/** Finds the last `lineCountMax` lines. Reads backwards, and no more than it must. */
export async function findTail(
  segments: readonly OutputSegment[],
  lineCountMax: number,
): Promise<Tail> {
  const totalBytes = segments.reduce((sum, segment) => sum + segment.sizeBytes, 0);
  if (lineCountMax <= 0 || totalBytes === 0) return { begin: totalBytes, lineCount: 0 };
  let before = totalBytes;
  let newlineCount = 0;
  for (const segment of segments.toReversed()) {
    before -= segment.sizeBytes;
    for (let end = segment.sizeBytes; end > 0; ) {
      const from = Math.max(0, end - BLOCK_BYTES);
      const block = await readRange(segment.path, from, end);
      for (let index = block.length - 1; index >= 0; index -= 1) {
        const position = before + from + index;
        // The newline at the very end ends the last line, and begins no other.
        if (block[index] !== NEWLINE || position === totalBytes - 1) continue;
        newlineCount += 1;
        if (newlineCount === lineCountMax) return { begin: position + 1, lineCount: lineCountMax };
      }
      end = from;
    }
  }
  return { begin: 0, lineCount: newlineCount + 1 };
}

/** The bytes of a file from `begin` to before `end`, or fewer where it has become shorter. */
export async function readRange(path: string, begin: number, end: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(Math.max(0, end - begin));
  let file: Awaited<ReturnType<typeof open>>;
  try {
    file = await open(path, 'r');
  } catch (error) {
    if (isMissing(error)) return Buffer.alloc(0);
    throw error;
  }
  try {
    let filled = 0;
    while (filled < buffer.length) {
      const { bytesRead } = await file.read(buffer, filled, buffer.length - filled, begin + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return buffer.subarray(0, filled);
  } finally {
    await file.close();
  }
}

export async function findStats(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}
