import { describe, expect, it } from 'vitest';
import { CubeError } from '../../../src/errors/cube-error.ts';
import { readSubmission } from '../../../src/task/read-submission.ts';

describe('readSubmission', () => {
  it.each([undefined, null, [], 1, true, 'x'])('wants an object, not %j', (input) => {
    expect(() => readSubmission(input)).toThrowError(CubeError);
    try {
      readSubmission(input);
    } catch (error) {
      const { issues } = error as CubeError;
      expect(issues[0]).toMatchObject({
        field: '',
        want: 'an object: a task spec',
        example: '{"name":"web","image":"nginx"}',
      });
    }
  });

  it('reads a bare spec with an id beside it', () => {
    const id = '266592cd-960d-4091-981c-8c25c44b1018';
    const wish = readSubmission({ id, name: 'web', image: 'nginx' });
    expect(wish).toMatchObject({ kind: 'run', id, spec: { name: 'web', runtime: 'docker' } });
  });

  it('makes up no id', () => {
    expect(readSubmission({ name: 'web', image: 'nginx' })).not.toHaveProperty('id');
  });

  it('tells what is wrong with the id and with the spec at once', () => {
    const fields = (() => {
      try {
        readSubmission({ id: 5, name: '', image: 'nginx' });
      } catch (error) {
        return (error as CubeError).issues.map(({ field }) => field);
      }
      return [];
    })();
    expect(fields).toEqual(['id', 'name']);
  });
});
