import { expect, test } from 'vitest';
import { createColumnKeeper } from '../../../src/cli/keep-columns.ts';

test('a lone line feed stays in its column, one after a carriage return is left, also across pieces', () => {
  const keep = createColumnKeeper();
  const text = ['a\r\nb\n', '\n\r', '\nplain', '\n'].map((piece) =>
    Buffer.from(keep(Buffer.from(piece))).toString(),
  );
  expect(text).toEqual(['a\r\nb\u001bD', '\u001bD\r', '\nplain', '\u001bD']);
});
