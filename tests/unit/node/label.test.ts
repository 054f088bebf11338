import { describe, expect, it } from 'vitest';
import { isLabelKey, isLabelValue } from '../../../src/node/label.ts';

describe('a label of a node', () => {
  it.each(['zone', 'a', '0', 'example.org/disk-type', 'a'.repeat(63)])('may be named %j', (key) => {
    expect(isLabelKey(key)).toBe(true);
  });

  it.each(['', '-a', '.a', 'a b', 'a=b', 'ä', 'a'.repeat(64), '__proto__', 'a\n'])(
    'is not named %j',
    (key) => {
      expect(isLabelKey(key)).toBe(false);
    },
  );

  it.each(['node.name', 'cube.x'])('is not named %j, which means something already', (key) => {
    expect(isLabelKey(key)).toBe(false);
  });

  it.each(['', 'ssd', 'with spaces', 'größe: 7', '値', 'a'.repeat(63)])('may be %j', (value) => {
    expect(isLabelValue(value)).toBe(true);
  });

  it.each(['a'.repeat(64), 'a\nb', '\u001b[31mred', 'a\u202eb', 'a\u2028b', '\0', 'a\u200bb'])(
    'is not %j, which is not what it looks like',
    (value) => {
      expect(isLabelValue(value)).toBe(false);
    },
  );
});
