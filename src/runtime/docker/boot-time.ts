import { readFile } from 'node:fs/promises';
import type { DockerHost } from './docker-host.ts';

/**
 * When the machine of a local engine was started, RFC 3339; undefined where the engine is
 * elsewhere, or the machine does not tell.
 */
export async function readBootTime(host: DockerHost): Promise<string | undefined> {
  if (host.kind !== 'socket') return undefined;
  try {
    return parseBootTime(await readFile('/proc/stat', 'utf8'));
  } catch {
    // No Linux: then the engine runs in a virtual machine, which has its own boots.
    return undefined;
  }
}

/** The moment in the text of /proc/stat. */
export function parseBootTime(stat: string): string | undefined {
  const seconds = /^btime (\d{1,12})$/m.exec(stat)?.[1];
  return seconds === undefined ? undefined : new Date(Number(seconds) * 1000).toISOString();
}
