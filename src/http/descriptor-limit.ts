import { readFileSync } from 'node:fs';

/** The rest is for the store, for workers and runtimes, and for taking in who is then refused. */
const CONNECTION_SHARE = 1 / 4;

/**
 * How many connections fit the limit on open files of this process; `countMax` where that is
 * enough for them, or is not known. A process that has used up its open files can take no caller
 * at all, not even to refuse him.
 */
export function fitConnections(countMax: number): number {
  const limit = findDescriptorLimit();
  return limit === undefined ? countMax : Math.min(countMax, Math.ceil(limit * CONNECTION_SHARE));
}

/** Undefined where there is no limit, or no such file, as on other systems than Linux. */
function findDescriptorLimit(): number | undefined {
  try {
    const match = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'));
    return match === null ? undefined : Number(match[1]);
  } catch {
    return undefined;
  }
}
