import { chmod, chown, mkdir, open, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { CubeError } from '../../errors/cube-error.ts';
import { assert } from '../../lib/assert.ts';
import type { Random } from '../../lib/random.ts';
import { publishedPortSchema } from '../../task/port.ts';
import { exitCodeSchema, reasonSchema, timestampSchema } from '../../task/task-status.ts';
import { instanceName } from '../event-feed.ts';
import { type ProcessIdentity, parseProcessStat } from '../process-identity.ts';
import type { InstanceKey } from '../runtime.ts';
import {
  findText,
  hasErrorCode,
  isMissing,
  reserveRoom,
  syncDirectory,
  writeDurably,
  writeDurablyOnce,
  writeNewDurably,
} from './durable-file.ts';
import type { ProcessUser } from './process-user.ts';
import { removeTree } from './remove-tree.ts';

/** The intention to run an instance, written before anything is started. */
const recordSchema = z.object({
  format: z.literal(1),
  worker: z.string(),
  cluster: z.string(),
  taskId: z.string(),
  attempt: z.int(),
  bootId: z.string(),
  ports: z.array(publishedPortSchema),
  /** Control groups of the program, by what they are for. */
  groups: z.array(z.string()),
  memoryBytes: z.number().optional(),
  /** Where `work` and `failed` are, when not among the other files: for another user's task. */
  workFolder: z.string().optional(),
});

export type InstanceRecord = Readonly<z.output<typeof recordSchema>>;

/** How it ended, written once. */
const endSchema = z.object({
  runtimeId: z.string(),
  startedAt: timestampSchema.optional(),
  finishedAt: timestampSchema,
  exitCode: exitCodeSchema,
  reason: reasonSchema,
});

export type InstanceEnd = Readonly<z.output<typeof endSchema>>;

/** That it was killed by us after a stop, written before the kill. */
const killSchema = z.object({ reason: reasonSchema });

/** A process as it recorded itself. */
export interface RecordedProcess extends ProcessIdentity {
  /** Wall time of the record in milliseconds. */
  readonly recordedAtMs: number;
}

/**
 * The files of one worker's instances:
 *
 *     WORKER/exits/NAME            exit code, written by the shim
 *     WORKER/instances/NAME/       NAME is TASK.ATTEMPT
 *       instance.json              the intention
 *       environment                the program's environment
 *       claim                      made by the one shim that may run
 *       shim, program              their own lines of /proc/PID/stat
 *       failed                     not empty: the program could not be executed
 *       kill.json                  the reason why it was killed
 *       end.json                   how it ended
 *       kill.json.room, end.json.room   room for them on a disk that has become full
 *       work/                      working directory
 *       stdout.log, stderr.log     output, and .1, .2 … that were rotated away
 *
 * All of it is open to Cube's own user alone, and so are the directories above it. A task that
 * runs as another user must reach its working directory by its path, so for such a task `work` and
 * `failed` are in `WORK_ROOT/WORKER/NAME/`, a directory of Cube's user that others may pass, and
 * belong to the task's user, who owns the file `environment` too but cannot reach it by its path.
 */
export class InstanceDirectory {
  readonly path: string;
  readonly name: string;
  readonly exitFile: string;

  readonly #random: Random;

  constructor(workerDirectory: string, key: InstanceKey, random: Random) {
    this.#random = random;
    // Both come from outside and become part of a path.
    assert(/^[0-9A-Za-z-]+$/.test(key.taskId), 'a task id is a UUID');
    assert(Number.isSafeInteger(key.attempt), 'an attempt is a whole number');
    this.name = instanceName(key);
    this.path = join(workerDirectory, 'instances', this.name);
    this.exitFile = join(workerDirectory, 'exits', this.name);
  }

  file(name: string): string {
    return join(this.path, name);
  }

  /** @throws CubeError `runtime-failed`, when the record is damaged. */
  findRecord(): Promise<InstanceRecord | undefined> {
    return this.#findJson('instance.json', recordSchema);
  }

  findEnd(): Promise<InstanceEnd | undefined> {
    return this.#findJson('end.json', endSchema);
  }

  /** Records the end unless one is recorded; whoever looks later sees the first one. */
  async writeEnd(end: InstanceEnd): Promise<void> {
    await writeDurablyOnce(this.file('end.json'), JSON.stringify(end), this.#random);
  }

  async findKillReason(): Promise<InstanceEnd['reason'] | undefined> {
    return (await this.#findJson('kill.json', killSchema))?.reason;
  }

  async writeKillReason(reason: InstanceEnd['reason']): Promise<void> {
    await writeDurably(this.file('kill.json'), JSON.stringify({ reason }), this.#random);
  }

  /** Whether a shim has made its claim. */
  async isClaimed(): Promise<boolean> {
    return (await findStat(this.file('claim'))) !== undefined;
  }

  /** The shim or the program; undefined as long as it has not recorded itself. */
  async findProcess(which: 'shim' | 'program'): Promise<RecordedProcess | undefined> {
    const path = this.file(which);
    const text = await findText(path);
    // Without its newline the line is still being written.
    if (text === undefined || !text.endsWith('\n')) return undefined;
    const identity = parseProcessStat(text);
    const stats = await findStat(path);
    if (identity === undefined || stats === undefined) return undefined;
    return {
      pid: identity.pid,
      startTicks: identity.startTicks,
      recordedAtMs: stats.mtimeMs,
    };
  }

  /** The exit code that the shim wrote, and when. */
  async findExit(): Promise<{ readonly code: number; readonly atMs: number } | undefined> {
    const match = /^(\d{1,3}) *\n/.exec((await findText(this.exitFile)) ?? '');
    const stats = match === null ? undefined : await findStat(this.exitFile);
    if (match === null || stats === undefined) return undefined;
    return { code: Number(match[1]), atMs: stats.mtimeMs };
  }

  /** The program's working directory. */
  workPath(record: Pick<InstanceRecord, 'workFolder'>): string {
    return join(record.workFolder ?? this.path, 'work');
  }

  failedPath(record: Pick<InstanceRecord, 'workFolder'>): string {
    return join(record.workFolder ?? this.path, 'failed');
  }

  /** What made the start of the program fail, as the shell's exit code. */
  async findFailure(record: InstanceRecord): Promise<number | undefined> {
    const text = await findText(this.failedPath(record));
    return text === undefined || text === '' ? undefined : Number.parseInt(text, 10);
  }

  /**
   * Makes the directory with all that the shim needs, whole or not at all, durably.
   *
   * @returns false when somebody else has made it meanwhile.
   */
  async create(
    record: InstanceRecord,
    options: { readonly environment: string; readonly user: ProcessUser | undefined },
  ): Promise<boolean> {
    const parent = join(this.path, '..');
    const draft = join(parent, `.new-${this.#random.uuid()}`);
    const { user, environment } = options;
    await mkdir(draft, { mode: 0o700 });
    const files = { environment, 'stdout.log': '', 'stderr.log': '' };
    for (const [name, text] of Object.entries(files)) {
      await writeFile(join(draft, name), text, { mode: 0o600, flag: 'wx' });
      if (user !== undefined) await chown(join(draft, name), user.userId, user.groupId);
    }
    for (const name of ['kill.json', 'end.json']) await reserveRoom(join(draft, name));
    if (record.workFolder === undefined) await makeWorkFolder(draft, undefined);
    await writeFile(this.exitFile, '    \n', { mode: 0o600, flag: 'a' });
    await writeNewDurably(join(draft, 'instance.json'), JSON.stringify(record));
    try {
      await rename(draft, this.path);
    } catch (error) {
      await rm(draft, { recursive: true, force: true });
      if (hasErrorCode(error, 'ENOTEMPTY') || hasErrorCode(error, 'EEXIST')) return false;
      throw error;
    }
    await syncDirectory(parent);
    // Not before there is a record by which it is found again.
    if (record.workFolder !== undefined) {
      await mkdir(record.workFolder, { recursive: true, mode: 0o711 });
      await chmod(record.workFolder, 0o711);
      await makeWorkFolder(record.workFolder, user);
    }
    return true;
  }

  /** Opens a log file as the program's output, for appending. */
  openOutput(stream: 'stdout' | 'stderr'): ReturnType<typeof open> {
    return open(this.file(`${stream}.log`), 'a', 0o600);
  }

  /** Takes the directory away in one step, then deletes it. */
  async remove(record: InstanceRecord): Promise<void> {
    if (record.workFolder !== undefined) await removeTree(record.workFolder);
    const trash = join(this.path, '..', `.trash-${this.#random.uuid()}`);
    // First, so that no later instance of this name can find the code of this one.
    await rm(this.exitFile, { force: true });
    try {
      await rename(this.path, trash);
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
    await removeTree(trash);
  }

  async #findJson<Schema extends z.ZodType>(
    name: string,
    schema: Schema,
  ): Promise<z.output<Schema> | undefined> {
    const path = this.file(name);
    const text = await findText(path);
    if (text === undefined) return undefined;
    try {
      return schema.parse(JSON.parse(text));
    } catch (cause) {
      throw new CubeError('runtime-failed', `The record ${path} is damaged.`, {
        cause,
        hint: `Remove the directory ${this.path} if the task is not needed any more.`,
      });
    }
  }
}

async function makeWorkFolder(path: string, user: ProcessUser | undefined): Promise<void> {
  await mkdir(join(path, 'work'), { mode: 0o700 });
  await writeFile(join(path, 'failed'), '', { mode: 0o600, flag: 'wx' });
  if (user === undefined) return;
  for (const name of ['work', 'failed']) {
    await chown(join(path, name), user.userId, user.groupId);
  }
}

/** Makes the directories of a worker, and clears what a crash left half-made or half-deleted. */
export async function openWorkerDirectory(
  path: string,
  options: { readonly nowMs: number },
): Promise<void> {
  const instances = join(path, 'instances');
  await mkdir(instances, { recursive: true, mode: 0o700 });
  await mkdir(join(path, 'exits'), { recursive: true, mode: 0o700 });
  for (const name of await readdir(instances)) {
    const leftover = join(instances, name);
    const isTrash = name.startsWith('.trash-');
    const isOldDraft = name.startsWith('.new-') && (await isOlder(leftover, options.nowMs));
    if (isTrash || isOldDraft) await removeTree(leftover);
  }
}

/** The keys of all instances in the worker's directory. */
export async function listInstances(workerDirectory: string): Promise<readonly InstanceKey[]> {
  const names = await readdir(join(workerDirectory, 'instances'));
  return names.map(parseInstanceName).filter((key) => key !== undefined);
}

/** The key that a name in the directory stands for; undefined for any other name. */
export function parseInstanceName(name: string): InstanceKey | undefined {
  const match = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.(\d{1,15})$/.exec(name);
  const [, taskId, attempt] = match ?? [];
  if (taskId === undefined || attempt === undefined) return undefined;
  return { taskId, attempt: Number(attempt) };
}

/** A draft of this age is not being made any more. */
const DRAFT_AGE_MS = 60_000;

async function isOlder(path: string, nowMs: number): Promise<boolean> {
  const stats = await findStat(path);
  return stats !== undefined && nowMs - stats.mtimeMs > DRAFT_AGE_MS;
}

async function findStat(path: string): Promise<{ readonly mtimeMs: number } | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}
