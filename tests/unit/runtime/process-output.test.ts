import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdir, open, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { OutputFile } from '../../../src/runtime/process/output-file.ts';
import type { OutputReader } from '../../../src/runtime/process/output-reader.ts';
import {
  LOST_BYTES,
  LOST_MARK,
  moveOffset,
  rotateOutput,
} from '../../../src/runtime/process/output-rotation.ts';
import { findSegments, findTail } from '../../../src/runtime/process/output-segments.ts';
import { canCollapseFiles } from '../../support/can-collapse-files.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

describe('output files', () => {
  test('have their last lines found across files and blocks', async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, 'out');
    const lines = Array.from({ length: 20_000 }, (_, index) => `line ${index}`);
    const text = lines.map((line) => `${line}\n`).join('');
    await writeFile(`${path}.1`, text.slice(0, 100_003));
    await writeFile(path, text.slice(100_003));
    const segments = await findSegments(path, 2);
    for (const count of [0, 1, 2, 9000, 19_999, 20_000, 30_000]) {
      const { begin, lineCount } = await findTail(segments, count);
      const wanted = count === 0 ? [] : lines.slice(-count);
      expect(text.slice(begin)).toBe(wanted.map((line) => `${line}\n`).join(''));
      expect(lineCount).toBe(wanted.length);
    }
  });

  test('count a last line that is not finished', async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, 'out');
    await writeFile(path, 'a\nb\nc');
    expect(await findTail(await findSegments(path, 2), 2)).toEqual({ begin: 2, lineCount: 2 });
    await writeFile(path, '');
    expect(await findTail(await findSegments(path, 2), 2)).toEqual({ begin: 0, lineCount: 0 });
  });

  test('are read on over a rotation, and keep their number', async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, 'out');
    const output = new OutputFile(path, { fileBytesMax: 10, rotatedCount: 3 });
    await writeFile(path, 'one two th');
    const reader = await output.openReader(undefined);
    const read = async (): Promise<string[]> => Array.fromAsync(reader.read({ flush: false }));
    expect(await read()).toEqual([]);
    for (const text of ['ree\n', '4\n567890123\n', 'last\nabcdefgh']) {
      await writeFile(path, text, { flag: 'a' });
      await output.rotate();
    }
    expect(await read()).toEqual(['one two three', '4', '567890123', 'last']);
    expect(await readFile(path, 'utf8')).toBe('');
    await writeFile(path, 'i\n', { flag: 'a' });
    expect(await read()).toEqual(['abcdefghi']);
  });

  test('say so when a reader was too slow', async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, 'out');
    const output = new OutputFile(path, { fileBytesMax: 4, rotatedCount: 1 });
    await writeFile(path, '');
    const reader = await output.openReader(undefined);
    for (const text of ['12345\n', '1\n345\n', '6\n']) {
      await writeFile(path, text, { flag: 'a' });
      await output.rotate();
    }
    expect(await Array.fromAsync(reader.read({ flush: true }))).toEqual([LOST_MARK, '345', '6']);
  });

  test('of a flood keep the end, after a line that says so', async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, 'out');
    const output = new OutputFile(path, { fileBytesMax: 10, rotatedCount: 1 });
    await writeFile(path, `${'x'.repeat(1000)}\nthe end\n`);
    await output.rotate();
    const reader = await output.openReader(undefined);
    const lines = await Array.fromAsync(reader.read({ flush: true }));
    expect(lines).toEqual([LOST_MARK, 'the end']);
  });
});

describe.each([
  ['where the front of a file can be taken out', true],
  ['where a file can only be cut', false],
])('output %s', (_, collapses) => {
  test('is followed without a repeat or a torn line, whenever it is rotated and read', async () => {
    const step = fc.record({
      bytes: fc.integer({ min: 1, max: 6000 }),
      rotates: fc.boolean(),
      reads: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        await using directory = await temporaryDirectory();
        const path = join(directory.path, 'out');
        const limits = { fileBytesMax: 10_000, rotatedCount: 2 };
        const output = new OutputFile(path, limits, { collapses });
        await writeFile(path, '');
        const text = Array.from({ length: 40_000 }, (_, index) => toLine(index)).join('');
        let written = 0;
        const reader = await output.openReader(undefined);
        const lines: string[] = [];
        for (const { bytes, rotates, reads } of steps) {
          await appendFile(path, text.slice(written, written + bytes));
          written += bytes;
          if (rotates) await output.rotate();
          if (reads) lines.push(...(await Array.fromAsync(reader.read({ flush: false }))));
          const tail = await Array.fromAsync((await output.openReader(3)).read({ flush: false }));
          assertWhole(tail);
        }
        lines.push(...(await Array.fromAsync(reader.read({ flush: false }))));
        assertWhole(lines);
        assertWhole(
          await Array.fromAsync((await output.openReader(undefined)).read({ flush: false })),
        );
        const complete = text.slice(0, written).split('\n').slice(0, -1);
        if (!lines.some((line) => line.endsWith(LOST_MARK))) expect(lines).toEqual(complete);
        else if (complete.length > 0) expect(lines.at(-1)).toBe(complete.at(-1));
      }),
      { numRuns: 30 },
    );
  });

  test('of a program that writes without a pause, in pieces of lines, is never torn', async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, 'out');
    const limits = { fileBytesMax: 20_000, rotatedCount: 2 };
    const output = new OutputFile(path, limits, { collapses });
    await using file = await open(path, 'a');
    const reader = await output.openReader(undefined);
    // Written by blocks of a few KiB, which end in the middle of a line.
    const args = ['-f', '%08.0f', '0', '200000'];
    const program = spawn('seq', args, { stdio: ['ignore', file.fd, 'inherit'] });
    const exited = once(program, 'exit');
    const lines: string[] = [];
    for (let rounds = 0; program.exitCode === null; rounds += 1) {
      await output.rotate();
      if (rounds % 2 === 0) await collect(reader, lines);
      else await setImmediate();
    }
    await exited;
    await output.rotate();
    // The first one may be taken for the rest of a line that was lost.
    await file.writeFile(toLine(200_001) + toLine(200_002));
    await collect(reader, lines);
    assertWhole(lines);
    expect(lines.at(-1)).toBe('00200002');
    const names = await readdir(directory.path);
    expect(names).toContain('out.1');
    for (const name of names) {
      const { size } = await stat(join(directory.path, name));
      expect(size).toBeLessThanOrEqual(2 * limits.fileBytesMax + 2 * LOST_BYTES.length);
    }
  });
});

test('taking out the front of a file loses nothing of what is written meanwhile', async (context) => {
  await using directory = await temporaryDirectory();
  if (!(await canCollapseFiles(directory.path))) {
    context.skip('The file system of temporary files cannot take out the front of a file.');
  }
  const path = join(directory.path, 'out');
  await using file = await open(path, 'a');
  // Waits for a rotation that is due, so that it is never taken for a flood.
  const script = `for i in $(seq 0 99); do
      seq -f %08.0f $((i * 2000)) $((i * 2000 + 1999))
      while [ "$(stat -c %s "$0")" -gt 60000 ]; do sleep 0.001; done
    done`;
  const program = spawn('sh', ['-c', script, path], { stdio: ['ignore', file.fd, 'inherit'] });
  const exited = once(program, 'exit');
  let text = '';
  let rotations = 0;
  while (program.exitCode === null) {
    const rotation = await rotateOutput(path, { fileBytesMax: 60_000, rotatedCount: 1 });
    if (rotation === undefined) await setImmediate();
    else {
      expect(rotation).toMatchObject({ keptFrom: 0, markBytesBefore: 0, markBytesAfter: 0 });
      text += await readFile(`${path}.1`, 'utf8');
      rotations += 1;
    }
  }
  await exited;
  text += await readFile(path, 'utf8');
  expect(text).toBe(Array.from({ length: 200_000 }, (_, index) => toLine(index)).join(''));
  expect(rotations).toBeGreaterThan(10);
});

describe('a reader goes on after a rotation', () => {
  const whole = { keptFrom: 0, keptTo: 100, markBytesBefore: 0, markBytesAfter: 0 };

  test.each([
    ['in the rotated file', 40, whole, -60],
    ['at the beginning of the file, having read all of it', 100, whole, 0],
    ['in what has stayed in the file', 130, whole, 30],
    ['in an older file', -5, whole, -105],
    ['at the mark before what was kept', 20, { ...whole, keptFrom: 30, markBytesBefore: 7 }, -77],
    ['before the mark that follows', 40, { ...whole, markBytesAfter: 7 }, -67],
    ['at the mark after what was kept', 100, { ...whole, markBytesAfter: 7 }, -7],
    ['at that mark, having read what was lost', 105, { ...whole, markBytesAfter: 7 }, -7],
  ])('%s', (_, offset, rotation, wanted) => {
    expect(moveOffset(offset, rotation)).toBe(wanted);
  });
});

test('a file that somebody else has cut shows a mark, and no half line', async () => {
  await using directory = await temporaryDirectory();
  const path = join(directory.path, 'out');
  const output = new OutputFile(path, { fileBytesMax: 1000, rotatedCount: 1 });
  await writeFile(path, 'one\ntwo\nthr');
  const reader = await output.openReader(undefined);
  const read = (): Promise<string[]> => Array.fromAsync(reader.read({ flush: false }));
  expect(await read()).toEqual(['one', 'two']);
  await writeFile(path, 'ur\nfive\n');
  expect(await read()).toEqual([`thr${LOST_MARK}`, 'five']);
});

test('a rotation that fails leaves everything in its place', async () => {
  await using directory = await temporaryDirectory();
  const path = join(directory.path, 'out');
  const output = new OutputFile(path, { fileBytesMax: 6, rotatedCount: 2 });
  await writeFile(path, 'one\ntwo\n');
  const reader = await output.openReader(undefined);
  const read = (): Promise<string[]> => Array.fromAsync(reader.read({ flush: false }));
  await mkdir(`${path}.new`);
  await expect(output.rotate()).rejects.toThrow('EISDIR');
  await rm(`${path}.new`, { recursive: true });
  expect(await read()).toEqual(['one', 'two']);
  await output.rotate();
  await appendFile(path, 'three\n');
  expect(await read()).toEqual(['three']);
});

async function collect(reader: OutputReader, lines: string[]): Promise<void> {
  for await (const line of reader.read({ flush: false })) lines.push(line);
}

function toLine(index: number): string {
  return `${`${index}`.padStart(8, '0')}\n`;
}

/** Every line is one that was written, in order, or says at its end that its rest was lost. */
function assertWhole(lines: readonly string[]): void {
  let last = -1;
  const isWrong = (line: string): boolean => {
    if (line.endsWith(LOST_MARK)) return !/^\d{0,8}$/.test(line.slice(0, -LOST_MARK.length));
    const before = last;
    last = Number(line);
    return !/^\d{8}$/.test(line) || last <= before;
  };
  const index = lines.findIndex(isWrong);
  expect(index === -1 ? [] : lines.slice(Math.max(0, index - 1), index + 1)).toEqual([]);
}
