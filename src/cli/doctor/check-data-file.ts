import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { isCubeError } from '../../errors/cube-error.ts';
import { type Finding, failed, ok } from './finding.ts';

/** What was read, in words. */
export function describeRecords(verified: {
  readonly revision: number;
  readonly counts: Readonly<Record<string, number>>;
}): string {
  const total = Object.values(verified.counts).reduce((sum, count) => sum + count, 0);
  return `all ${total} records are as they were written, without a gap up to revision ${verified.revision}`;
}

/**
 * Reads the data file of a manager that does not run. Of one that runs, nothing is said: whoever
 * holds the file can read it.
 */
export async function checkDataFile(directory: string): Promise<readonly Finding[]> {
  const path = join(directory, 'manager.db');
  if (!existsSync(path) && !existsSync(`${path}.id`)) return [];
  const { verifyDataFile } = await import('../../store/sqlite/backup-file.ts');
  try {
    return [ok('data file', `${path}: ${describeRecords(await verifyDataFile(path))}`)];
  } catch (error) {
    if (isCubeError(error, 'storage-locked')) return [];
    return [failed('data file', error, 'Restore a backup with "cube restore".')];
  }
}
