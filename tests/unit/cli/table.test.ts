import { describe, expect, test } from 'vitest';
import { toPlainText, widthOf } from '../../../src/cli/plain-text.ts';
import { formatTable } from '../../../src/cli/table.ts';

const columns = [
  { title: 'NAME', widthMin: 4 },
  { title: 'TEXT', widthMin: 6 },
  { title: 'N', align: 'right' },
] as const;

describe('a table', () => {
  test('is as wide as its cells', () => {
    expect(
      formatTable(columns, [
        ['a', 'bcdef', '1'],
        ['long-name', 'b', '100'],
      ]),
    ).toBe('NAME       TEXT     N\na          bcdef    1\nlong-name  b      100\n');
  });

  test('cuts the widest column that may be cut, so that it fits the terminal', () => {
    const text = formatTable(columns, [['web', 'a very long explanation', '1']], { width: 24 });
    expect(text).toBe('NAME  TEXT             N\nweb   a very long ex…  1\n');
    for (const line of text.trimEnd().split('\n')) expect(widthOf(line)).toBeLessThanOrEqual(24);
  });

  test('overflows rather than cut what must stay whole', () => {
    expect(formatTable(columns, [['abcdefgh', 'abcdefgh', '123456']], { width: 10 })).toBe(
      'NAME  TEXT         N\nabc…  abcde…  123456\n',
    );
  });

  test('counts wide signs twice and marks that combine not at all', () => {
    expect(widthOf('東京')).toBe(4);
    expect(widthOf('e\u0301')).toBe(1);
    expect(formatTable([{ title: 'A' }, { title: 'B' }], [['東京', 'x']])).toBe(
      'A     B\n東京  x\n',
    );
  });

  test('lets no cell command the terminal', () => {
    const cell = 'a\u001b[31mb\u001b]0;title\u0007c\u0007\rd\ne\u202ef\u009b1m\u2028\u061c';
    expect(toPlainText(cell)).toBe('abcd ef1m');
    expect(formatTable([{ title: 'A' }], [[cell]])).toBe('A\nabcd ef1m\n');
  });

  test('lays out before it colours', () => {
    const paint = (text: string): string => `<${text}>`;
    expect(formatTable([{ title: 'A' }, { title: 'B' }], [['xx', 'y']], { paint })).toBe(
      '<A>   <B>\n<xx>  <y>\n',
    );
  });
});
