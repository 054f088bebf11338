import { describe, expect, it } from 'vitest';
import { assertLocalFileSystem } from '../../../src/store/sqlite/network-file-system.ts';

describe('a data directory', () => {
  it.each([
    ['NFS', 0x6969],
    ['CIFS', 0xff534d42],
    ['CIFS', 0xff534d42 | 0],
    ['SMB2', 0xfe534d42],
  ])('on %s is refused, by name', (name, type) => {
    expect(() => assertLocalFileSystem('/data', () => type)).toThrow(
      `The data directory /data is on ${name}`,
    );
  });

  it.each([
    ['ext4', 0xef53],
    ['tmpfs', 0x01021994],
    ['overlay', 0x794c7630],
  ])('on %s is taken', (_name, type) => {
    expect(() => assertLocalFileSystem('/data', () => type)).not.toThrow();
  });

  it('is asked about for real by default', () => {
    expect(() => assertLocalFileSystem('/')).not.toThrow();
  });
});
