import { existsSync } from 'node:fs';
import { open, readdir, rm, stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { messageOf } from '../../errors/cube-error.ts';
import { systemClock } from '../../lib/clock.ts';
import { formatBytes } from '../../task/quantity.ts';
import { type Finding, fail, ok, warn } from './finding.ts';

/** Below this Cube takes no new tasks, on disks of the usual size; see docs/store.md. */
const RESERVE_BYTES = 8 * 1024 ** 2;

const ROOM_WANTED_BYTES = 1024 ** 3;

/** A flush that takes longer makes every acknowledgement slow, in milliseconds. */
const FLUSH_MS_WANTED = 50;

const FLUSH_COUNT = 5;

/** The directory itself and the disk below it. */
export async function checkDataDirectory(path: string): Promise<readonly Finding[]> {
  const stats = await stat(path).catch(() => undefined);
  if (stats === undefined) {
    const parent = nearestDirectory(path);
    return [ok('data directory', `${path} is not there yet`), await checkRoom(parent)];
  }
  if (!stats.isDirectory()) {
    return [fail('data directory', `${path} is no directory`, 'Name another with --data-dir.')];
  }
  return [
    checkOwner(path, stats),
    await checkFileModes(path),
    await checkRoom(path),
    await checkFlush(path),
  ];
}

function checkOwner(path: string, stats: { readonly uid: number; readonly mode: number }): Finding {
  const mode = `0${(stats.mode & 0o777).toString(8)}`;
  const user = process.getuid?.();
  if (user !== undefined && stats.uid !== user) {
    return fail(
      'data directory',
      `${path} belongs to user ${stats.uid}, and this is user ${user}`,
      'Run this as its owner, or name another with --data-dir.',
    );
  }
  if ((stats.mode & 0o022) !== 0) {
    return fail('data directory', `others can write to ${path} (${mode})`, `chmod 700 ${path}`);
  }
  if ((stats.mode & 0o077) !== 0) {
    return warn('data directory', `others can look into ${path} (${mode})`, `chmod 700 ${path}`);
  }
  return ok('data directory', `${path} (${mode})`);
}

/** What Cube writes there is for its owner alone. */
async function checkFileModes(directory: string): Promise<Finding> {
  const open: string[] = [];
  for (const name of await readdir(directory)) {
    const path = join(directory, name);
    const stats = await stat(path).catch(() => undefined);
    if (stats?.isFile() === true && (stats.mode & 0o077) !== 0) open.push(path);
  }
  const [first] = open;
  if (first === undefined) return ok('file modes', 'all for their owner alone');
  const more = open.length === 1 ? '' : ` and ${open.length - 1} more`;
  return fail('file modes', `others can read ${first}${more}`, `chmod 600 ${open.join(' ')}`);
}

async function checkRoom(directory: string): Promise<Finding> {
  const { bavail, bsize } = await statfs(directory);
  const free = bavail * bsize;
  const text = `${formatBytes(free)} free at ${directory}`;
  const remedy = 'Free some room; "cube prune" lets the data file use its own anew.';
  if (free < RESERVE_BYTES) return fail('disk room', `${text}: new tasks are refused`, remedy);
  return free < ROOM_WANTED_BYTES ? warn('disk room', text, remedy) : ok('disk room', text);
}

/** Every acknowledgement waits for a flush. */
async function checkFlush(directory: string): Promise<Finding> {
  const path = join(directory, `.cube-doctor-${process.pid}`);
  const tookMs: number[] = [];
  try {
    await using handle = await open(path, 'wx', 0o600);
    for (let count = 0; count < FLUSH_COUNT; count += 1) {
      await handle.write('x'.repeat(4096));
      const startedAt = systemClock.monotonic();
      await handle.sync();
      tookMs.push(systemClock.monotonic() - startedAt);
    }
  } catch (error) {
    return fail('disk flush', `${directory}: ${messageOf(error)}`, 'Name another with --data-dir.');
  } finally {
    await rm(path, { force: true });
  }
  const middle = tookMs.sort((a, b) => a - b)[Math.floor(FLUSH_COUNT / 2)] ?? 0;
  const text = `a flush takes ${middle.toFixed(1)} ms`;
  if (middle <= FLUSH_MS_WANTED) return ok('disk flush', text);
  return warn('disk flush', text, 'Each acknowledgement waits for one: use a faster disk.');
}

function nearestDirectory(path: string): string {
  const parent = dirname(path);
  return existsSync(parent) || parent === path ? parent : nearestDirectory(parent);
}
