import { readFile } from 'node:fs/promises';

/** What Cube uses control groups for. */
export type Controller = 'tracker' | 'memory' | 'cpu' | 'cpuacct' | 'pids';

/** A hierarchy of control groups on this machine. */
export interface ControlGroupMount {
  readonly path: string;
  /** 2: the unified hierarchy; 1: one hierarchy for each controller or few. */
  readonly version: 1 | 2;
  readonly controllers: readonly Controller[];
}

/** Where control groups are mounted on this machine, and what each hierarchy is good for. */
export async function findControlGroupMounts(): Promise<readonly ControlGroupMount[]> {
  let mounts: string;
  try {
    mounts = await readFile('/proc/self/mounts', 'utf8');
  } catch {
    return [];
  }
  const unified = /^\S+ (\S+) cgroup2 /m.exec(mounts)?.[1];
  const controllers =
    unified === undefined ? '' : await readFile(`${unified}/cgroup.controllers`, 'utf8');
  return toControlGroupMounts(mounts, controllers);
}

/**
 * Reads the lines of `/proc/self/mounts`. A controller is in one hierarchy only: of the first
 * version where it is mounted there, else of the second. Processes are followed and killed in the
 * unified hierarchy where there is one, else by the freezer.
 */
export function toControlGroupMounts(
  mounts: string,
  unifiedControllers: string,
): readonly ControlGroupMount[] {
  const found: ControlGroupMount[] = [];
  const rest = new Set<Controller>(['tracker', 'memory', 'cpu', 'cpuacct', 'pids']);
  const take = (names: readonly Controller[]): Controller[] =>
    names.filter((name) => rest.delete(name));
  const lines = mounts.split('\n').map((line) => line.split(' '));
  for (const [, path, type] of lines) {
    if (type !== 'cgroup2' || path === undefined) continue;
    const has = new Set(unifiedControllers.trim().split(' '));
    const names = (['memory', 'cpu', 'pids'] as const).filter((name) => has.has(name));
    // Processor time is counted in every group of the unified hierarchy, without a controller.
    const accounting = has.has('cpu') ? (['cpuacct'] as const) : [];
    found.push({ path, version: 2, controllers: take(['tracker', ...names, ...accounting]) });
  }
  for (const [, path, type, options = ''] of lines) {
    if (type !== 'cgroup' || path === undefined) continue;
    const has = new Set(options.split(','));
    const names = (['memory', 'cpu', 'cpuacct', 'pids'] as const).filter((name) => has.has(name));
    const controllers = take(has.has('freezer') ? ['tracker', ...names] : names);
    if (controllers.length > 0) found.push({ path, version: 1, controllers });
  }
  return found;
}
