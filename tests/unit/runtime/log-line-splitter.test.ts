import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LOG_LINE_BYTES_MAX, LogLineSplitter } from '../../../src/runtime/log-line-splitter.ts';

function split(...chunks: (string | Buffer)[]): string[] {
  const splitter = new LogLineSplitter();
  const lines = chunks.flatMap((chunk) => splitter.push(Buffer.from(chunk)));
  return [...lines, ...splitter.flush()];
}

test('gives the same lines however the bytes are cut into pieces', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: 'grapheme' })),
      fc.infiniteStream(fc.nat(5)),
      (lines, sizes) => {
        const wanted = lines.map((line) => line.replaceAll(/[\r\n]/g, ' '));
        const bytes = Buffer.from(wanted.map((line) => `${line}\n`).join(''));
        const chunks: Buffer[] = [];
        for (let at = 0; at < bytes.length; ) {
          const size = 1 + (sizes.next().value ?? 0);
          chunks.push(bytes.subarray(at, at + size));
          at += size;
        }
        expect(split(...chunks)).toEqual(wanted);
      },
    ),
  );
});

test('keeps empty lines, and gives a last line without its newline', () => {
  expect(split('a\n\nb')).toEqual(['a', '', 'b']);
});

test('leaves out a carriage return at the end of a line only', () => {
  expect(split('a\rb\r\nc')).toEqual(['a\rb', 'c']);
});

test('puts replacement characters in place of what is no UTF-8', () => {
  expect(split(Buffer.from([0x61, 0xff, 0x62, 0x0a]))).toEqual(['a\uFFFDb']);
});

test('cuts a line that is too long, says by how much, and holds no more than one line', () => {
  const [line = '', after] = split('x'.repeat(LOG_LINE_BYTES_MAX), 'y'.repeat(100), '\nafter\n');
  expect(line).toBe(`${'x'.repeat(LOG_LINE_BYTES_MAX)} [cut: 100 more bytes]`);
  expect(after).toBe('after');
});
