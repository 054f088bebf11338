import { readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The wall clock of programs that are started with `environment`; their monotonic one is true. */
export interface FakeTime {
  readonly environment: Record<string, string>;
  /** Steps their wall clock by so many seconds from the true time. */
  offset(seconds: number): void;
  /** Steps it to a moment, such as `1970-01-02 00:00:00`, from which it goes on. */
  set(moment: string): void;
}

/** Where Debian's libfaketime is, for programs with threads; undefined where there is none. */
function findFakeTimeLibrary(): string | undefined {
  for (const folder of readdirSync('/usr/lib', { withFileTypes: true })) {
    if (!folder.isDirectory()) continue;
    const path = join('/usr/lib', folder.name, 'faketime');
    try {
      if (readdirSync(path).includes('libfaketimeMT.so.1')) return join(path, 'libfaketimeMT.so.1');
    } catch {
      // It is one of the many folders without it.
    }
  }
  return undefined;
}

/** Keeps the time in a file in the directory. The time is the true one until it is stepped. */
export function createFakeTime(directory: string): FakeTime {
  const library = findFakeTimeLibrary();
  if (library === undefined) throw new Error('Install libfaketime: apt-get install libfaketime');
  const path = join(directory, 'faketime');
  const write = (text: string): void => {
    // Read while it is written, an empty file would be no time at all.
    writeFileSync(`${path}.new`, `${text}\n`);
    renameSync(`${path}.new`, path);
  };
  write('+0');
  return {
    environment: {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: path,
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      FAKETIME_NO_CACHE: '1',
      TZ: 'UTC',
    },
    offset: (seconds) => write(`${seconds < 0 ? '' : '+'}${seconds}`),
    set: (moment) => write(`@${moment}`),
  };
}
