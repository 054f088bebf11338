import { describe, expect, test } from 'vitest';
import { CubeError } from '../../../src/errors/cube-error.ts';
import { problemOf } from '../../../src/manager/manager-overview.ts';

describe('the problem of a manager', () => {
  const full = new CubeError('storage-full', 'The disk is full.');
  const failed = new CubeError('storage-failed', 'The disk failed.');

  test('is that its last change could not be made durable', () => {
    const store = { kind: 'persistent', shortage: undefined } as const;
    expect(problemOf({ problem: failed }, store)).toBe('The disk failed.');
    expect(problemOf({ problem: undefined }, store)).toBeUndefined();
  });

  test('is over once a disk that was full has room again, though nothing was written since', () => {
    const store = { kind: 'persistent' } as const;
    expect(problemOf({ problem: full }, { ...store, shortage: full })).toBe('The disk is full.');
    expect(problemOf({ problem: full }, { ...store, shortage: undefined })).toBeUndefined();
    // A store that cannot tell.
    expect(problemOf({ problem: full }, { kind: 'memory', shortage: undefined })).toBe(
      'The disk is full.',
    );
  });
});
