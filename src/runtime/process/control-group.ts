import { access, mkdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CubeError } from '../../errors/cube-error.ts';
import { type Clock, sleep } from '../../lib/clock.ts';
import type { ControlGroupMount, Controller } from './control-group-mounts.ts';
import { hasErrorCode, isMissing } from './durable-file.ts';

/** What a program may take. Absent: no limit. */
export interface ControlGroupLimits {
  readonly cpu: number | undefined;
  readonly memoryBytes: number | undefined;
  readonly pidsMax: number;
}

/** Time slice in which a program gets its share of the cores, in microseconds. */
const CPU_PERIOD_US = 100_000;

/** The kernel refuses smaller quotas. */
const CPU_QUOTA_US_MIN = 1000;

/**
 * The control groups of one worker's instances: `MOUNT/cube/WORKER/NAME` in each hierarchy. They
 * limit, they measure, and they hold every process a program ever started, whatever it did to
 * get away.
 */
export class ControlGroups {
  readonly #mounts: readonly ControlGroupMount[];
  readonly #worker: string;

  private constructor(mounts: readonly ControlGroupMount[], worker: string) {
    this.#mounts = mounts;
    this.#worker = worker;
  }

  /** Finds out which hierarchies can be used by trying them. Never throws. */
  static async open(mounts: readonly ControlGroupMount[], worker: string): Promise<ControlGroups> {
    const usable: ControlGroupMount[] = [];
    for (const mount of mounts) {
      if (await prepareMount(mount, worker)) usable.push(mount);
    }
    return new ControlGroups(usable, worker);
  }

  has(controller: Controller): boolean {
    return this.#mounts.some((mount) => mount.controllers.includes(controller));
  }

  /** Where shims live, so that they are not ended together with the worker; empty for nowhere. */
  get shimGroup(): string {
    const mount = this.#mounts.find(
      ({ version, controllers }) => version === 2 && controllers.includes('tracker'),
    );
    return mount === undefined ? '' : join(mount.path, 'cube', this.#worker, 'shims');
  }

  /** The directories of an instance's groups, whether they exist or not. */
  pathsOf(name: string): readonly string[] {
    return this.#mounts.map((mount) => join(mount.path, 'cube', this.#worker, name));
  }

  /** Lets go of what is only there for instances, when there are none. */
  async close(): Promise<void> {
    const shims = this.shimGroup;
    if (shims !== '') await removeControlGroups([shims]);
    await removeControlGroups(this.pathsOf('.'));
  }

  /** Makes the groups of an instance with its limits. */
  async create(name: string, limits: ControlGroupLimits): Promise<void> {
    for (const mount of this.#mounts) {
      const path = join(mount.path, 'cube', this.#worker, name);
      await mkdir(path, { recursive: true });
      for (const { file, value, isOptional } of toLimitFiles(mount, limits)) {
        const isWritten = await tryWrite(join(path, file), value);
        if (!isWritten && isOptional !== true) {
          throw new CubeError('runtime-failed', `The limit ${join(path, file)} cannot be set.`);
        }
      }
    }
  }
}

/** Removes empty groups; those that hold processes or other groups stay. */
export async function removeControlGroups(paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    try {
      await rmdir(path);
    } catch (error) {
      const isInUse = hasErrorCode(error, 'EBUSY') || hasErrorCode(error, 'ENOTEMPTY');
      if (!isMissing(error) && !isInUse) throw error;
    }
  }
}

/** Kills every process in the groups until there is none, at most for `timeoutMs`. */
export async function killControlGroups(
  paths: readonly string[],
  options: { readonly clock: Clock; readonly timeoutMs: number },
): Promise<void> {
  const { clock, timeoutMs } = options;
  const deadline = clock.monotonic() + timeoutMs;
  for (const path of paths) {
    while ((await readProcesses(path)).length > 0) {
      await killOnce(path);
      if (clock.monotonic() > deadline) return;
      await sleep(clock, 2);
    }
  }
}

/** How many processes of these groups were killed for want of memory. */
export async function countMemoryKills(paths: readonly string[]): Promise<number> {
  for (const path of paths) {
    for (const file of ['memory.events', 'memory.oom_control']) {
      const match = /^oom_kill (\d+)$/m.exec(await readOrEmpty(join(path, file)));
      if (match !== null) return Number(match[1]);
    }
  }
  return 0;
}

export interface ControlGroupUsage {
  /** Processor time used so far, in milliseconds; undefined where it is not counted. */
  readonly cpuMs: number | undefined;
  readonly memoryBytes: number | undefined;
}

/** What the processes of the groups use. File cache that can be dropped is not counted. */
export async function readControlGroupUsage(paths: readonly string[]): Promise<ControlGroupUsage> {
  let cpuMs: number | undefined;
  let memoryBytes: number | undefined;
  for (const path of paths) {
    const nanoseconds = Number.parseInt(await readOrEmpty(join(path, 'cpuacct.usage')), 10);
    if (Number.isFinite(nanoseconds)) cpuMs ??= nanoseconds / 1e6;
    const memory =
      (await readOrEmpty(join(path, 'memory.current'))) ||
      (await readOrEmpty(join(path, 'memory.usage_in_bytes')));
    if (memory === '') continue;
    const stat = await readOrEmpty(join(path, 'memory.stat'));
    // The first version counts its descendants apart, the second always with it.
    const cache = /^total_inactive_file (\d+)$/m.exec(stat) ?? /^inactive_file (\d+)$/m.exec(stat);
    memoryBytes ??= Math.max(0, Number.parseInt(memory, 10) - Number(cache?.[1] ?? 0));
    // In the unified hierarchy the group that counts memory counts processor time, too.
    const microseconds = /^usage_usec (\d+)$/m.exec(await readOrEmpty(join(path, 'cpu.stat')));
    if (microseconds !== null) cpuMs ??= Number(microseconds[1]) / 1000;
  }
  return { cpuMs, memoryBytes };
}

async function prepareMount(mount: ControlGroupMount, worker: string): Promise<boolean> {
  const cube = join(mount.path, 'cube');
  const mine = join(cube, worker);
  try {
    if (mount.version === 2) await enableControllers(mount.path, mount);
    await mkdir(cube, { recursive: true });
    if (mount.version === 2) await enableControllers(cube, mount);
    await mkdir(mine, { recursive: true });
    if (mount.version === 2) {
      await enableControllers(mine, mount);
      await mkdir(join(mine, 'shims'), { recursive: true });
    }
    await access(join(mine, 'cgroup.procs'));
    return true;
  } catch {
    // Read-only, not ours to write, or gone: this machine allows no limits here, and says so.
    return false;
  }
}

async function enableControllers(path: string, mount: ControlGroupMount): Promise<void> {
  for (const controller of mount.controllers) {
    if (controller === 'tracker' || controller === 'cpuacct') continue;
    await writeFile(join(path, 'cgroup.subtree_control'), `+${controller}`);
  }
}

export interface LimitFile {
  readonly file: string;
  readonly value: string;
  /** Kernels without an account of swap do not have the file. */
  readonly isOptional?: true;
}

/** The files that set the limits in one hierarchy, in the order in which they are to be written. */
export function toLimitFiles(mount: ControlGroupMount, limits: ControlGroupLimits): LimitFile[] {
  const { cpu, memoryBytes, pidsMax } = limits;
  const has = (controller: Controller): boolean => mount.controllers.includes(controller);
  const isUnified = mount.version === 2;
  const files: LimitFile[] = [];
  if (has('pids')) files.push({ file: 'pids.max', value: `${pidsMax}` });
  if (has('memory') && memoryBytes !== undefined) {
    const value = `${memoryBytes}`;
    if (isUnified) {
      files.push({ file: 'memory.max', value });
      files.push({ file: 'memory.swap.max', value: '0', isOptional: true });
    } else {
      files.push({ file: 'memory.limit_in_bytes', value });
      files.push({ file: 'memory.memsw.limit_in_bytes', value, isOptional: true });
    }
  }
  if (has('cpu') && cpu !== undefined) {
    const quotaUs = Math.max(CPU_QUOTA_US_MIN, Math.round(cpu * CPU_PERIOD_US));
    if (isUnified) files.push({ file: 'cpu.max', value: `${quotaUs} ${CPU_PERIOD_US}` });
    else {
      files.push({ file: 'cpu.cfs_period_us', value: `${CPU_PERIOD_US}` });
      files.push({ file: 'cpu.cfs_quota_us', value: `${quotaUs}` });
    }
  }
  return files;
}

async function killOnce(path: string): Promise<void> {
  if (await tryWrite(join(path, 'cgroup.kill'), '1')) return;
  const freezer = join(path, 'freezer.state');
  // Frozen processes cannot start others while they are being counted.
  const isFrozen = await tryWrite(freezer, 'FROZEN');
  try {
    for (const pid of await readProcesses(path)) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch (error) {
        if (!hasErrorCode(error, 'ESRCH')) throw error;
      }
    }
  } finally {
    if (isFrozen) await tryWrite(freezer, 'THAWED');
  }
}

async function readProcesses(path: string): Promise<readonly number[]> {
  const text = await readOrEmpty(join(path, 'cgroup.procs'));
  return text.split('\n').filter(Boolean).map(Number);
}

async function readOrEmpty(path: string): Promise<string> {
  try {
    return await readFile(path, 'latin1');
  } catch (error) {
    if (isMissing(error) || hasErrorCode(error, 'ENODEV')) return '';
    throw error;
  }
}

async function tryWrite(path: string, value: string): Promise<boolean> {
  try {
    await writeFile(path, value, { flag: 'r+' });
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}
