import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SortedKeys } from '../../../src/store/memory/sorted-keys.ts';

const step = fc.record({
  kind: fc.constantFrom('add', 'remove', 'page'),
  key: fc.constantFrom('', 'a', 'b', 'c', 'd', 'e', '\ue000', '🧊'),
  limit: fc.integer({ min: 1, max: 5 }),
  reverse: fc.boolean(),
});

describe('SortedKeys', () => {
  it('gives the pages that sorting a set each time would give', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const keys = new SortedKeys();
        const model = new Set<string>();
        for (const { kind, key, limit, reverse } of steps) {
          if (kind === 'add' && !model.has(key)) {
            model.add(key);
            keys.add(key);
          } else if (kind === 'remove' && model.delete(key)) {
            keys.remove(key);
          } else {
            const sorted = [...model].sort();
            const after = sorted.filter((one) => one > key).slice(0, limit);
            const before = sorted.filter((one) => one < key).toReversed();
            expect(keys.page(key, limit, false)).toEqual(after);
            expect(keys.page(key, limit, true)).toEqual(before.slice(0, limit));
            const whole = reverse ? sorted.toReversed() : sorted;
            expect(keys.page(undefined, limit, reverse)).toEqual(whole.slice(0, limit));
          }
        }
      }),
    );
  });
});
