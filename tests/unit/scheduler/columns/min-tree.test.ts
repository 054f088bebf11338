import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MinTree } from '../../../../src/scheduler/columns/min-tree.ts';

const valueArbitrary = fc.constantFrom(0, 1, 1, 2, 2.5, Number.POSITIVE_INFINITY);

const setupArbitrary = fc.record({
  values: fc.array(valueArbitrary, { minLength: 1, maxLength: 20 }),
  changes: fc.array(fc.record({ place: fc.nat(19), value: valueArbitrary }), { maxLength: 20 }),
});

/** The values after the changes, and a tree that was told of each. */
function build({
  values,
  changes,
}: typeof setupArbitrary extends fc.Arbitrary<infer One> ? One : never) {
  const tree = new MinTree(Float64Array.from(values));
  const plain = [...values];
  for (const { place, value } of changes) {
    if (place >= plain.length) continue;
    plain[place] = value;
    tree.set(place, value);
  }
  const present = plain.flatMap((value, place) =>
    value === Number.POSITIVE_INFINITY ? [] : [{ value, place }],
  );
  return { tree, plain, present };
}

describe('a tournament of numbers', () => {
  it('knows the lowest, how many share it, and where each of them is', () => {
    fc.assert(
      fc.property(setupArbitrary, (setup) => {
        const { tree, plain, present } = build(setup);
        expect(tree.lowest).toBe(Math.min(...plain));
        if (present.length === 0) return;
        const places = present.filter(({ value }) => value === tree.lowest);
        expect(tree.lowestCount).toBe(places.length);
        expect(places.map((_, index) => tree.placeOfLowest(index))).toEqual(
          places.map(({ place }) => place),
        );
      }),
    );
  });

  it('tells the places of the lowest few, and is afterwards as before', () => {
    fc.assert(
      fc.property(setupArbitrary, (setup) => {
        const { tree, plain, present } = build(setup);
        const sorted = present.toSorted((a, b) => a.value - b.value).map(({ place }) => place);
        expect(tree.lowestPlaces(5)).toEqual(sorted.slice(0, 5));
        expect(plain.map((_, place) => tree.get(place))).toEqual(plain);
      }),
    );
  });

  it('finds the next place with a number', () => {
    fc.assert(
      fc.property(setupArbitrary, fc.nat(40), (setup, start) => {
        const { tree, present } = build(setup);
        expect(tree.findFrom(start)).toBe(present.find(({ place }) => place >= start)?.place);
      }),
    );
  });
});
