import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { plainLogText, splitMatches } from '../../../src/dashboard/model/plain-log-text.ts';

describe('a line of output', () => {
  it.each([
    ['\u001b[31mred\u001b[0m', 'red'],
    ['\u001b]0;title\u0007text', 'text'],
    ['a\tb\u0000\u0008c\r', 'a\tbc'],
    ['\u202eevil\u2066', 'evil'],
    ['<b>bold</b>', '<b>bold</b>'],
  ])('%j is shown as %j', (line, shown) => {
    expect(plainLogText(line)).toBe(shown);
  });

  it('is cut where nobody would read on', () => {
    expect(plainLogText('x'.repeat(100_000))).toHaveLength(4002);
  });

  it('is marked where it has what was searched for, in either case', () => {
    expect(splitMatches('An error, an Error', 'ERROR')).toEqual([
      { at: 0, text: 'An ', isMatch: false },
      { at: 3, text: 'error', isMatch: true },
      { at: 8, text: ', an ', isMatch: false },
      { at: 13, text: 'Error', isMatch: true },
    ]);
    expect(splitMatches('text', '')).toEqual([{ at: 0, text: 'text', isMatch: false }]);
    expect(splitMatches('İstanbul', 'i')).toHaveLength(1);
  });

  it('has the same text in pieces as in one', () => {
    const letters = fc.array(fc.constantFrom('a', 'A', 'b', 'İ', 'ß', ' ', '😀'));
    fc.assert(
      fc.property(letters, letters, (some, few) => {
        const text = some.join('');
        const parts = splitMatches(text, few.slice(0, 2).join(''));
        expect(parts.map((part) => part.text).join('')).toBe(text);
      }),
    );
  });
});
