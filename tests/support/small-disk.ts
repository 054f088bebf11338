import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from './temporary-directory.ts';

/** A disk of a few megabytes. */
export interface SmallDisk extends AsyncDisposable {
  readonly path: string;
  /** Takes all the room that is left. */
  fill(): void;
  /** Gives it back. */
  clear(): void;
  /** `remount,ro` and the like. */
  remount(options: string): void;
}

/** Mounts one, which needs root. */
export async function smallDisk(megabytes: number): Promise<SmallDisk> {
  const directory = await temporaryDirectory();
  const path = join(directory.path, 'disk');
  const ballast = join(path, 'ballast');
  mkdirSync(path, { mode: 0o700 });
  run('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=0700`, 'tmpfs', path]);
  return {
    path,
    fill() {
      const descriptor = openSync(ballast, 'w');
      try {
        // In large pieces as long as they fit, and then to the last page.
        for (const piece of [Buffer.alloc(1024 ** 2), Buffer.alloc(4096)])
          writeAll(descriptor, piece);
      } finally {
        closeSync(descriptor);
      }
    },
    clear: () => rmSync(ballast, { force: true }),
    remount: (options) => run('mount', ['-o', `remount,${options}`, path]),
    async [Symbol.asyncDispose]() {
      // Lazily, since a test that failed may have left its files open.
      run('umount', ['-l', path]);
      await directory[Symbol.asyncDispose]();
    },
  };
}

/** Writes the piece again and again until there is no room. */
function writeAll(descriptor: number, piece: Buffer): void {
  try {
    for (;;) writeSync(descriptor, piece);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
  }
}

function run(command: string, args: readonly string[]): void {
  const { status, stderr } = spawnSync(command, args);
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${String(stderr)}`);
}
