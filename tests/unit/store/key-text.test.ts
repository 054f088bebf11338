import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromKeyText, toKeyText } from '../../../src/store/sqlite/key-text.ts';

/** Any sequence of code units, also those that are no text. */
const anyKey = fc
  .array(
    fc.oneof(
      fc.integer({ min: 0, max: 0xffff }),
      fc.constantFrom(0xd7ff, 0xd800, 0xdbff, 0xdc00, 0xdfff, 0xe000, 0xffff),
    ),
    { maxLength: 6 },
  )
  .map((units) => String.fromCharCode(...units));

describe('a key in the data file', () => {
  it('comes back as it was', () => {
    fc.assert(
      fc.property(anyKey, (key) => {
        const stored = Buffer.from(toKeyText(key), 'utf8').toString('utf8');
        expect(fromKeyText(stored)).toBe(key);
      }),
    );
  });

  it('stands, by its bytes, where it stands by its code units', () => {
    fc.assert(
      fc.property(anyKey, anyKey, (left, right) => {
        const bytes = Buffer.compare(Buffer.from(toKeyText(left)), Buffer.from(toKeyText(right)));
        expect(bytes).toBe(left < right ? -1 : Number(left > right));
      }),
    );
  });

  it('is written as it is where nothing needs lifting', () => {
    expect(toKeyText('tâsk/0001 ퟿')).toBe('tâsk/0001 ퟿');
  });
});
