import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findJsonFault } from '../../../src/lib/json-fault.ts';

const limits = { depthMax: 20, itemCountMax: 10_000 };

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

describe('findJsonFault', () => {
  it.each([
    ['{"a":1,}', 7, 'a field name in double quotes'],
    ['{"a":1 "b":2}', 7, '"," or "}"'],
    ['{"a" 1}', 5, '":" after the field name'],
    ['[1 2]', 3, '"," or "]"'],
    ['[1,]', 3, 'a value'],
    ['{"a":1} {"b":2}', 8, 'the end, since one document is complete here'],
    ['{"a":1} trailing', 8, 'the end, since one document is complete here'],
    ['"abc', 4, 'the closing quote of a string'],
    ['"a\nb"', 2, 'no raw control character within a string'],
    ['"\\x"', 1, 'an escape such as \\n or \\u00e9'],
    ['', 0, 'a value'],
    ['nul', 0, 'a value'],
    ['-', 0, 'a number'],
    ['01', 1, 'the end, since one document is complete here'],
    ["{'a':1}", 1, 'a field name in double quotes'],
  ])('says where and what in %j', (text, position, want) => {
    expect(findJsonFault(text, limits)).toMatchObject({ kind: 'syntax', position, want });
  });

  it('takes exactly what JSON.parse takes', () => {
    const near = fc
      .tuple(fc.json(), fc.nat(), fc.constantFrom('', '"', '\\', ',', '}', ']', '0', '\u0007', ':'))
      .map(([json, at, insert]) => {
        const index = at % (json.length + 1);
        return json.slice(0, index) + insert + json.slice(index + (at % 2));
      });
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json(), near), (text) => {
        const fault = findJsonFault(text, { depthMax: 1000, itemCountMax: 1e6 });
        if (fault === undefined || fault.kind !== 'syntax') {
          // The checker stops at the first fault, and one of these may come before one of syntax.
          if (fault === undefined) expect(parses(text)).toBe(true);
        } else expect(parses(text)).toBe(false);
      }),
      { numRuns: 2000 },
    );
  });

  it.each(['__proto__', 'constructor', 'prototype', '\\u005f_proto__'])(
    'refuses the key %s at any depth',
    (key) => {
      const fault = findJsonFault(`{"a":[{"b":{"${key}":1}}]}`, limits);
      expect(fault).toMatchObject({ kind: 'key', position: 12 });
      expect(fault?.path.slice(0, 3)).toEqual(['a', 0, 'b']);
    },
  );

  it('refuses a key that comes twice, also when written in two ways', () => {
    const fault = findJsonFault('{"a":1,"\\u0061":2}', limits);
    expect(fault).toMatchObject({ kind: 'duplicate', position: 7, path: ['a'] });
  });

  it('refuses numbers that JSON.parse would make infinite', () => {
    expect(findJsonFault('{"cpu":1e400}', limits)).toMatchObject({
      kind: 'number',
      position: 7,
      path: ['cpu'],
    });
    expect(findJsonFault('[-1e400]', limits)?.kind).toBe('number');
    expect(findJsonFault('1e300', limits)).toBeUndefined();
  });

  it('counts nesting before it follows it', () => {
    const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
    expect(findJsonFault(nested(20), limits)).toBeUndefined();
    expect(findJsonFault(nested(21), limits)).toMatchObject({ kind: 'depth', position: 20 });
    expect(findJsonFault('['.repeat(200_000), limits)).toMatchObject({ kind: 'depth' });
  });

  it('bounds the items of a list and the fields of an object', () => {
    const items = (count: number): string => `[${Array(count).fill('0').join(',')}]`;
    expect(findJsonFault(items(10_000), limits)).toBeUndefined();
    expect(findJsonFault(items(10_001), limits)?.kind).toBe('items');
    const fields = Array.from({ length: 10_001 }, (_, index) => `"k${index}":0`).join(',');
    expect(findJsonFault(`{${fields}}`, limits)?.kind).toBe('items');
  });
});
