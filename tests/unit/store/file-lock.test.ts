import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FileLock } from '../../../src/store/sqlite/file-lock.ts';
import { currentProcessStamp } from '../../../src/store/sqlite/process-stamp.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

describe('FileLock', () => {
  it('is held by one at a time, and free again when released', async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, 'cube.db');
    const lock = FileLock.take(path);
    expect(JSON.parse(readFileSync(`${path}.lock`, 'utf8'))).toEqual(currentProcessStamp());
    expect(() => FileLock.take(path)).toThrow(
      `${path} is held by process ${process.pid} (this very process), started `,
    );
    lock.release();
    expect(existsSync(`${path}.lock`)).toBe(false);
    FileLock.take(path).release();
  });

  it.each([
    ['of a process that ended', JSON.stringify({ ...currentProcessStamp(), startTicks: 1 })],
    ['of an earlier start', JSON.stringify({ ...currentProcessStamp(), bootId: 'earlier' })],
    ['that is cut', '{"pid":'],
    ['of another shape', '[1,2,3]'],
    ['with fields of other types', JSON.stringify({ ...currentProcessStamp(), pid: '1' })],
  ])('takes over a record %s', async (_name, record) => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, 'cube.db');
    writeFileSync(`${path}.lock`, record);
    const lock = FileLock.take(path);
    expect(JSON.parse(readFileSync(`${path}.lock`, 'utf8'))).toEqual(currentProcessStamp());
    lock.release();
  });

  it.each([
    ['a process that has just begun', { startTicks: 1 }],
    ['of another container', { pidNamespace: 'pid:[1]' }],
  ])('says %s, where the record does not tell of a process here', async (words, change) => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, 'cube.db');
    const lock = FileLock.take(path);
    writeFileSync(`${path}.lock`, JSON.stringify({ ...currentProcessStamp(), ...change }));
    expect(() => FileLock.take(path)).toThrow(words);
    lock.release();
  });
});
