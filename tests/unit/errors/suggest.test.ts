import { describe, expect, it } from 'vitest';
import { suggest } from '../../../src/errors/suggest.ts';

const words = ['image', 'memory', 'limit', 'restart', 'stopSignal', 'stopTimeout'];

describe('suggest', () => {
  it.each([
    ['imagee', 'image'],
    ['Image', 'image'],
    ['memroy', 'memory'],
    ['lim', 'limit'],
    ['stop_signal', 'stopSignal'],
  ])('takes %s for %s', (word, meant) => {
    expect(suggest(word, words)).toBe(meant);
  });

  it('suggests nothing for a word that is far from all, very short or very long', () => {
    expect(suggest('banana', words)).toBeUndefined();
    expect(suggest('x', words)).toBeUndefined();
    expect(suggest('image'.repeat(100), words)).toBeUndefined();
  });
});
