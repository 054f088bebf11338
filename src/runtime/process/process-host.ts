import { CubeError, messageOf } from '../../errors/cube-error.ts';
import { readBootId } from '../process-identity.ts';
import { ControlGroups } from './control-group.ts';
import { type ControlGroupMount, findControlGroupMounts } from './control-group-mounts.ts';
import { openWorkerDirectory } from './instance-directory.ts';
import type { CompiledProcessOptions } from './process-options.ts';
import { type ProcessUser, resolveProcessUser } from './process-user.ts';
import { openWorkRoot } from './work-root.ts';

/** What was found out about the machine before the first instance is touched. */
export interface ProcessHost {
  readonly bootId: string;
  readonly groups: ControlGroups;
  readonly user: ProcessUser | undefined;
  /** What works less well on this machine than it could, as sentences. */
  readonly notes: readonly string[];
}

/**
 * Gets the machine ready to run instances.
 *
 * @throws CubeError `runtime-unavailable` or `configuration`, saying what to do about it.
 */
export async function openProcessHost(options: CompiledProcessOptions): Promise<ProcessHost> {
  if (process.platform !== 'linux') {
    throw new CubeError(
      'runtime-unavailable',
      `The process runtime needs Linux; this is ${process.platform}. Use the docker runtime.`,
    );
  }
  const bootId = await readBootId().catch((cause: unknown) => {
    throw new CubeError('runtime-unavailable', 'The process runtime needs /proc mounted.', {
      cause,
    });
  });
  const user = options.user === undefined ? undefined : await resolveProcessUser(options.user);
  try {
    await openWorkerDirectory(options.workerDirectory, {
      nowMs: options.clock.now(),
    });
  } catch (cause) {
    const message = `${options.workerDirectory} cannot be used: ${messageOf(cause)}.`;
    throw new CubeError('runtime-unavailable', message, { cause });
  }
  if (user !== undefined) await openWorkRoot(options);
  const mounts = options.controlGroupMounts ?? (await findControlGroupMounts());
  const groups = await ControlGroups.open(mounts, options.worker);
  return { bootId, groups, user, notes: toNotes({ groups, mounts, user }) };
}

function toNotes(found: {
  readonly groups: ControlGroups;
  readonly mounts: readonly ControlGroupMount[];
  readonly user: ProcessUser | undefined;
}): readonly string[] {
  const { groups, mounts, user } = found;
  const isRoot = process.getuid?.() === 0;
  const notes: string[] = [];
  const missing = (['memory', 'cpu', 'pids'] as const).filter((name) => !groups.has(name));
  if (missing.length > 0) {
    const why =
      mounts.length === 0
        ? 'this machine has no control groups'
        : isRoot
          ? 'its control groups cannot be written here'
          : 'only root may set them';
    notes.push(`Limits of processes on ${missing.join(', ')} are not enforced: ${why}.`);
  }
  if (!groups.has('tracker')) {
    notes.push(
      'Without control groups, a process that drops its environment and leaves its parent survives a stop of its task.',
    );
  }
  if (isRoot && user === undefined) {
    notes.push('Processes run as root; name an unprivileged user for them.');
  }
  return notes;
}
