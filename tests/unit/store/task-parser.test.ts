import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TaskParser } from '../../../src/store/task-parser.ts';

const status = { state: 'running', attempt: 1 };

function recordOf(task: object, key = 'a'): { key: string; text: string; version: number } {
  return { key, text: JSON.stringify(task), version: 1 };
}

describe('the parser of tasks', () => {
  test('gives what JSON.parse gives, whatever the text is', () => {
    const value = fc.jsonValue();
    const spec = fc.oneof(
      value,
      fc.dictionary(fc.constantFrom('status', 'spec', 'id', 'x'), value),
    );
    const record = fc.record({
      id: fc.oneof(fc.constant('a'), fc.string()),
      spec,
      status: fc.oneof(fc.constant(status), value),
      extra: value,
    });
    const parser = new TaskParser();
    fc.assert(
      fc.property(record, fc.string(), (task, key) => {
        for (const one of [recordOf(task), recordOf({ ...task, id: key }, key), recordOf([task])]) {
          expect(JSON.stringify(parser.parse(one))).toBe(one.text);
        }
      }),
    );
  });

  test('lets tasks of equal specs share one that nobody can change', () => {
    const parser = new TaskParser();
    const spec = { name: 'x', env: { status: { secret: 's' } } };
    const plain = { name: 'x', env: { A: '1' } };
    const parse = (id: string, one: object): unknown =>
      parser.parse(recordOf({ id, spec: one, status }, id));
    expect(parse('a', spec)).toEqual({ id: 'a', spec, status });
    const [one, other] = [parse('b', plain), parse('c', plain)];
    expect(one).toEqual({ id: 'b', spec: plain, status });
    expect(other).toEqual({ id: 'c', spec: plain, status });
    const shared = Reflect.get(Object(one), 'spec');
    expect(shared).toBe(Reflect.get(Object(other), 'spec'));
    expect(Object.isFrozen(Reflect.get(shared, 'env'))).toBe(true);
  });

  test('does as JSON does with a text that names its spec twice', () => {
    const parser = new TaskParser();
    const text = '{"id":"a","spec":{"n":1},"status":{"s":1},"spec":{"n":2}}';
    expect(parser.parse({ key: 'a', text, version: 1 })).toEqual(JSON.parse(text));
  });
});
