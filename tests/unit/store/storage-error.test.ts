import { describe, expect, it } from 'vitest';
import { CubeError } from '../../../src/errors/cube-error.ts';
import { toStorageError } from '../../../src/store/sqlite/storage-error.ts';

/** An error as SQLite's binding throws it. */
function sqliteError(errcode: number): Error {
  return Object.assign(new Error('words'), { code: 'ERR_SQLITE_ERROR', errcode });
}

describe('an error met by the store', () => {
  it.each([
    ['a full disk', sqliteError(13), 'storage-full'],
    [
      'a full disk, told by the file system',
      Object.assign(new Error(), { code: 'ENOSPC' }),
      'storage-full',
    ],
    ['a spent quota', Object.assign(new Error(), { code: 'EDQUOT' }), 'storage-full'],
    ['damage', sqliteError(11), 'storage-damaged'],
    ['damage of an index', sqliteError(11 + (3 << 8)), 'storage-damaged'],
    ['no database', sqliteError(26), 'storage-damaged'],
    ['tables that are not as they were made', sqliteError(1), 'storage-damaged'],
    ['a lock', sqliteError(5), 'storage-locked'],
    ['a failed flush', sqliteError(10 + (4 << 8)), 'storage-failed'],
    ['a disk that became read-only', sqliteError(8), 'storage-failed'],
    ['a failed read', Object.assign(new Error(), { code: 'EIO' }), 'storage-failed'],
    ['a bug', new TypeError('x is undefined'), 'internal'],
    ['something that is no error', 'words', 'internal'],
  ])('for %s gets its code, and names the file', (_name, error, code) => {
    const seen = toStorageError(error, 'use', '/data/cube.db');
    expect(seen.code).toBe(code);
    expect(seen.message).toContain('/data/cube.db');
    expect(seen.hint).toBeTypeOf('string');
  });

  it('that was told already stays as it is', () => {
    const told = new CubeError('storage-newer', 'Told.');
    expect(toStorageError(told, 'use', '/data/cube.db')).toBe(told);
  });
});
