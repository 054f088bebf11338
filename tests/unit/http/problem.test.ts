import { describe, expect, it } from 'vitest';
import { CubeError } from '../../../src/errors/cube-error.ts';
import { errorCodes } from '../../../src/errors/error-codes.ts';
import { toCubeError, toProblem } from '../../../src/http/problem.ts';
import { statusOf } from '../../../src/http/status-codes.ts';
import { problemSchema } from '../../../src/link/replies.ts';

describe('a problem', () => {
  it.each(Object.keys(errorCodes) as (keyof typeof errorCodes)[])(
    'of the code %s has an error status and fits the schema that clients read',
    (code) => {
      const issues = [{ field: 'a', got: 'b', want: 'c' }];
      const error = new CubeError(code, 'Words.', { issues, hint: 'Do this.' });
      const problem = toProblem(error, 'c0ffee00-0000-4000-8000-000000000000');
      expect(problem.status).toBe(statusOf[code]);
      expect(problem.status).toBeGreaterThanOrEqual(400);
      expect(problem.title).not.toBe('Error');
      expect(problemSchema.parse(problem)).toEqual(problem);
    },
  );

  it('may be tried again only with a status that says so or a fault of ours', () => {
    for (const [code, { retryable }] of Object.entries(errorCodes)) {
      const status = statusOf[code as keyof typeof errorCodes];
      if (retryable && status < 500) expect([408, 409, 429]).toContain(status);
    }
  });

  it('of something unknown keeps what was thrown for the log alone', () => {
    const thrown = new Error('hunter2');
    const error = toCubeError(thrown);
    expect([error.code, error.cause]).toEqual(['internal', thrown]);
    expect(JSON.stringify(toProblem(error, 'x'))).not.toContain('hunter2');
  });
});
