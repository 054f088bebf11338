import { randomUUID } from 'node:crypto';
import { chmod, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { noopLogger } from '../../src/lib/logger.ts';
import { systemRandom } from '../../src/lib/random.ts';
import type { LogLine } from '../../src/link/protocol.ts';
import type { ProcessRuntimeOptions } from '../../src/runtime/process/process-options.ts';
import {
  createProcessRuntime,
  type ProcessRuntime,
} from '../../src/runtime/process/process-runtime.ts';
import type { InstanceKey, InstanceSpec, InstanceStatus } from '../../src/runtime/runtime.ts';
import { type TaskSpecInput, taskSpecSchema } from '../../src/task/task-spec.ts';
import { eventually } from './eventually.ts';
import { findProcessLeftovers } from './process-leftovers.ts';
import { type TemporaryDirectory, temporaryDirectory } from './temporary-directory.ts';

type Options = Partial<ProcessRuntimeOptions>;

/** One worker's process runtime; at the end everything is removed, and nothing may be left. */
export async function openProcessBench(options: Options = {}): Promise<ProcessBench> {
  const workRoot = await temporaryDirectory();
  // Others must be able to pass it, as they cannot the directory of the runtime.
  await chmod(workRoot.path, 0o711);
  return new ProcessBench(await temporaryDirectory(), workRoot, options);
}

export class ProcessBench implements AsyncDisposable {
  readonly worker = randomUUID();
  readonly signal = AbortSignal.timeout(100_000);
  runtime: ProcessRuntime;
  readonly #directory: TemporaryDirectory;
  readonly #workRoot: TemporaryDirectory;
  readonly #options: Options;
  readonly #others: ProcessRuntime[] = [];

  constructor(directory: TemporaryDirectory, workRoot: TemporaryDirectory, options: Options) {
    this.#directory = directory;
    this.#workRoot = workRoot;
    this.#options = options;
    this.runtime = this.create();
  }

  get directory(): string {
    return this.#directory.path;
  }

  get workRoot(): string {
    return this.#workRoot.path;
  }

  create(options: Options = {}): ProcessRuntime {
    const runtime = createProcessRuntime({
      directory: this.directory,
      worker: this.worker,
      clock: systemClock,
      random: systemRandom,
      logger: noopLogger,
      workRoot: this.workRoot,
      ...this.#options,
      ...options,
    });
    this.#others.push(runtime);
    return runtime;
  }

  async restart(options: Options = {}): Promise<ProcessRuntime> {
    await this.runtime.close();
    this.runtime = this.create(options);
    return this.runtime;
  }

  shell(script: string, overrides: Partial<TaskSpecInput> = {}): InstanceSpec {
    return this.instance({ command: 'sh', args: ['-c', script], ...overrides });
  }

  instance(input: Partial<TaskSpecInput>): InstanceSpec {
    const spec = taskSpecSchema.parse({ name: 'task', ...input });
    return { taskId: randomUUID(), attempt: 1, cluster: randomUUID(), spec };
  }

  start(instance: InstanceSpec): Promise<InstanceStatus> {
    return this.runtime.start(instance, { signal: this.signal, onProgress: () => undefined });
  }

  stop(key: InstanceKey, timeoutMs = 10_000): Promise<InstanceStatus | undefined> {
    return this.runtime.stop(key, { stopSignal: 'SIGTERM', timeoutMs, signal: this.signal });
  }

  inspect(key: InstanceKey): Promise<InstanceStatus | undefined> {
    return this.runtime.inspect(key, this.signal);
  }

  untilEnded(key: InstanceKey): Promise<InstanceStatus> {
    return eventually('the instance has ended', async () => {
      const status = await this.inspect(key);
      return status?.phase === 'ended' ? status : undefined;
    });
  }

  async logs(key: InstanceKey, follow = false): Promise<string[]> {
    const lines: LogLine[] = [];
    for await (const line of this.runtime.logs(key, { follow, signal: this.signal })) {
      lines.push(line);
    }
    return lines.map((line) => line.text);
  }

  /** Waits for a line of output and gives it. */
  untilLine(key: InstanceKey, isWanted: (line: string) => boolean): Promise<string> {
    return eventually('the line is written', async () => (await this.logs(key)).find(isWanted));
  }

  path(key: InstanceKey, ...parts: string[]): string {
    const name = `${key.taskId}.${key.attempt}`;
    return join(this.directory, this.worker, 'instances', name, ...parts);
  }

  /** The pid that a process of the instance has recorded. */
  async pid(key: InstanceKey, which: 'shim' | 'program'): Promise<number> {
    return Number.parseInt(await readFile(this.path(key, which), 'utf8'), 10);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const runtime of this.#others) await runtime.close();
    const last = this.create();
    for (const status of await last.list(this.signal)) {
      await last.remove(status, { removeVolumes: true, signal: this.signal });
    }
    await last.close();
    expect(await findProcessLeftovers(this.worker, this.directory)).toEqual([]);
    expect(await readdir(this.workRoot)).toEqual([]);
    await this.#directory[Symbol.asyncDispose]();
    await this.#workRoot[Symbol.asyncDispose]();
  }
}

/** Whether a process with this pid runs, zombies aside. */
export async function isProcessAlive(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => undefined);
  if (stat === undefined) return false;
  return !'ZX'.includes(stat.slice(stat.lastIndexOf(')') + 2).charAt(0));
}
