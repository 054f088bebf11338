import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { CubeError } from '../../../src/errors/cube-error.ts';
import { parseInput } from '../../../src/errors/input-issues.ts';

const schema = z.strictObject({
  name: z.string('a name'),
  ports: z.array(z.strictObject({ container: z.int('a port') })).default([]),
  mode: z.enum(['fast', 'slow'], 'fast or slow').optional(),
  map: z.record(z.string().regex(/^[a-z]$/, 'one letter'), z.string()).optional(),
  plain: z.object({}).optional(),
});

function refusal(input: unknown): CubeError {
  try {
    parseInput(schema, input, 'The thing');
  } catch (error) {
    if (error instanceof CubeError) return error;
    throw error;
  }
  throw new Error('It was accepted.');
}

describe('parseInput', () => {
  it('gives what the schema makes of a right input', () => {
    expect(parseInput(schema, { name: 'a' }, 'The thing')).toEqual({ name: 'a', ports: [] });
  });

  it('names the field, what came and what is wanted, for every field that is wrong', () => {
    const error = refusal({ name: 5, ports: [{ container: 'x' }] });
    expect(error.code).toBe('invalid-input');
    expect(error.message).toBe('The thing is not valid. name: got 5, want a name (and 1 more)');
    expect(error.issues).toEqual([
      { field: 'name', got: '5', want: 'a name' },
      { field: 'ports[0].container', got: '"x"', want: 'a port' },
    ]);
  });

  it('asks whether a known field was meant, at the level where the unknown one stands', () => {
    const error = refusal({ Name: 'a', name: 'b', ports: [{ container: 1, contaner: 2 }] });
    expect(error.issues).toEqual([
      { field: 'ports[0].contaner', got: '2', want: 'no such field; did you mean container?' },
      { field: 'Name', got: '"a"', want: 'no such field; did you mean name?' },
    ]);
  });

  it('asks so also where the schema is made only when it is used', () => {
    const schema = z.lazy(() => z.strictObject({ olderThan: z.string().optional() }));
    const refuse = (): unknown => parseInput(schema, { olderThen: '1h' }, 'The thing');
    expect(refuse).toThrow('no such field; did you mean olderThan?');
  });

  it('asks whether a known value was meant', () => {
    const [issue] = refusal({ name: 'a', mode: 'fats' }).issues;
    expect(issue?.want).toBe('fast or slow; did you mean fast?');
  });

  it('shows the key where a key is wrong', () => {
    const [issue] = refusal({ name: 'a', map: { 'a b': 'x' } }).issues;
    expect(issue).toEqual({ field: 'map["a b"]', got: '"a b"', want: 'one letter' });
  });

  it('says the type in words where a schema has none of its own', () => {
    const [issue] = refusal({ name: 'a', plain: 5 }).issues;
    expect(issue?.want).toBe('an object');
  });

  it('tells at most 20 issues', () => {
    const ports = Array.from({ length: 50 }, () => ({ container: 'x' }));
    const error = refusal({ name: 'a', ports });
    expect(error.issues).toHaveLength(20);
    expect(error.message).toContain('(and 49 more)');
  });
});
