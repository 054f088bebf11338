import {
  chmodSync,
  closeSync,
  fchmodSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';

/** Only the owner may read and write. */
export const PRIVATE_FILE_MODE = 0o600;
const PRIVATE_DIRECTORY_MODE = 0o700;

/** Makes a file's name, its removal or its renaming survive a power cut. */
export function flushDirectory(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Makes `path` and what is missing above it, for the owner alone whatever the umask. Directories
 * that are there already keep their modes: they may serve others too.
 */
export function ensurePrivateDirectory(path: string): void {
  if (statSync(path, { throwIfNoEntry: false }) !== undefined) return;
  const parent = dirname(path);
  ensurePrivateDirectory(parent);
  mkdirSync(path, { mode: PRIVATE_DIRECTORY_MODE });
  chmodSync(path, PRIVATE_DIRECTORY_MODE);
  flushDirectory(parent);
}

/** Puts `text` into a file in one step: after a power cut it holds the old text or the new. */
export function writeFileDurably(path: string, text: string): void {
  const draft = `${path}.draft-${process.pid}`;
  try {
    const descriptor = openSync(draft, 'w', PRIVATE_FILE_MODE);
    try {
      fchmodSync(descriptor, PRIVATE_FILE_MODE);
      writeSync(descriptor, text);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
  flushDirectory(dirname(path));
}
