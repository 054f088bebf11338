import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { describeValue, formatPath, quoteText } from '../../../src/errors/describe-value.ts';

describe('quoteText', () => {
  it('never gives more than 80 characters, nor one that a terminal would obey', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
        const quoted = quoteText(text);
        expect(quoted.length).toBeLessThanOrEqual(80);
        expect(quoted).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u);
      }),
    );
  });

  it('escapes control sequences and marks of direction', () => {
    expect(quoteText('\u001b[31mred\u202e')).toBe('"\\u001b[31mred\\u202e"');
  });
});

describe('formatPath', () => {
  it('writes paths as people do', () => {
    expect(formatPath(['ports', 1, 'host'])).toBe('ports[1].host');
    expect(formatPath(['labels', 'a/b'])).toBe('labels["a/b"]');
    expect(formatPath([])).toBe('');
  });
});

describe('describeValue', () => {
  it('shows plain values and only the kind of others', () => {
    expect(describeValue(undefined, [])).toBe('nothing');
    expect(describeValue(null, [])).toBe('null');
    expect(describeValue(5, [])).toBe('5');
    expect(describeValue('a', [])).toBe('"a"');
    expect(describeValue([1, 2], [])).toBe('a list of 2');
    expect(describeValue({ secret: 'x' }, [])).toBe('an object');
  });

  it('shows no value of an environment, nor one whose name says that it is secret', () => {
    expect(describeValue('hunter2', ['env', 'PASSWORD'])).toBe('a string (not shown)');
    expect(describeValue('hunter2', ['enviroment'])).toBe('a string (not shown)');
    expect(describeValue('hunter2', ['apiToken'])).toBe('a string (not shown)');
  });
});
