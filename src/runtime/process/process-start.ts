import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { CubeError, messageOf } from '../../errors/cube-error.ts';
import { type Clock, sleep } from '../../lib/clock.ts';
import type { PublishedPort } from '../../task/port.ts';
import type { TaskSpec } from '../../task/task-spec.ts';
import { findPortHolder } from '../port-holder.ts';
import type { InstanceSpec } from '../runtime.ts';
import { hasErrorCode } from './durable-file.ts';
import type { InstanceDirectory, InstanceRecord } from './instance-directory.ts';
import { sendSignal, toMark } from './marked-processes.ts';
import { findStats, readRange } from './output-segments.ts';
import type { ProcessHost } from './process-host.ts';
import {
  type InstanceContext,
  isProgramExecuted,
  type ObservedInstance,
  observeInstance,
} from './process-instance.ts';
import type { CompiledProcessOptions } from './process-options.ts';
import { toChangeUser } from './process-user.ts';
import { assertProgramExists } from './program-lookup.ts';
import { SHELL, toEnvironmentScript, toShimArguments } from './shim.ts';

/** A shim that has not come to the program by then will not. */
const SHIM_MS = 10_000;

/**
 * A program that lives so long without its command line having changed is taken as executed: its
 * arguments may look like those of a shell on the way to it.
 */
const EXECUTED_MS = 3000;

export interface StartContext {
  readonly options: CompiledProcessOptions;
  readonly host: ProcessHost;
}

/** A process listens by itself, so a port is the same inside and outside. */
function toPublishedPorts(spec: TaskSpec): readonly PublishedPort[] {
  return spec.ports.map(({ container, protocol, address }) => ({
    container,
    host: container,
    protocol,
    address,
  }));
}

/**
 * Sees to it before anything is made that the spec can run.
 *
 * @throws CubeError `runtime-failed` or `port-taken`.
 */
export async function assertStartable(
  instance: InstanceSpec,
  directory: InstanceDirectory,
  context: StartContext,
): Promise<void> {
  const workPath = directory.workPath(toWorkFolder(directory, context));
  const environment = toEnvironment(instance, workPath, context.options.searchPath);
  await assertProgramExists(getCommand(instance.spec), {
    searchPath: environment['PATH'] ?? '',
    directory: workPath,
  });
  for (const port of toPublishedPorts(instance.spec)) {
    const holder = await findPortHolder(port);
    if (holder === undefined) continue;
    const by = holder.program === undefined ? 'another program' : holder.program;
    const where = `Port ${port.host}/${port.protocol} on ${port.address}`;
    throw new CubeError('port-taken', `${where} is in use by ${by}, on ${holder.address}.`);
  }
}

/** A shim that this very process has started. */
export interface LaunchedShim {
  /**
   * Kills the shim's whole group, in which everything is that may become the program, and waits
   * until the shim is gone: until then it holds its control group.
   */
  kill(): Promise<void>;
}

/**
 * Records the intention and starts the shim.
 *
 * @returns undefined when somebody else has begun to start the same instance meanwhile.
 */
export async function launch(
  instance: InstanceSpec,
  directory: InstanceDirectory,
  context: StartContext,
): Promise<LaunchedShim | undefined> {
  const { options, host } = context;
  const { spec } = instance;
  const record: InstanceRecord = {
    format: 1,
    worker: options.worker,
    cluster: instance.cluster,
    taskId: instance.taskId,
    attempt: instance.attempt,
    bootId: host.bootId,
    ports: [...toPublishedPorts(spec)],
    groups: [...host.groups.pathsOf(directory.name)],
    ...(spec.memory === undefined ? {} : { memoryBytes: spec.memory }),
    ...toWorkFolder(directory, context),
  };
  const environment = toEnvironment(instance, directory.workPath(record), options.searchPath);
  const isMade = await directory.create(record, {
    environment: toEnvironmentScript(environment),
    user: host.user,
  });
  if (!isMade) return undefined;
  await host.groups.create(directory.name, {
    cpu: spec.cpu,
    memoryBytes: spec.memory,
    pidsMax: options.pidsMax,
  });
  return spawnShim(directory, {
    clock: options.clock,
    record,
    command: [getCommand(spec), ...spec.args],
    shimGroup: host.groups.shimGroup,
    changeUser: toChangeUser(host.user),
    searchPath: options.searchPath,
  });
}

/**
 * Waits until the program has taken the place of the shells before it, or has ended.
 *
 * @throws CubeError `runtime-failed`, when it cannot be executed; the signal's reason on abort.
 */
export async function waitUntilExecuted(
  directory: InstanceDirectory,
  context: InstanceContext,
  signal: AbortSignal,
): Promise<ObservedInstance> {
  const { clock } = context;
  const begunAtMs = clock.monotonic();
  for (;;) {
    const observed = await observeInstance(directory, context);
    if (observed === undefined) {
      throw new CubeError('runtime-failed', 'The instance was removed while it was started.');
    }
    // Asked after the look, since a failure is written before the end that it leads to.
    const failure = await directory.findFailure(observed.record);
    if (failure !== undefined) throw await toExecuteError(directory, failure);
    if (observed.phase === 'ended') return observed;
    const pid = observed.phase === 'running' ? observed.living?.pid : undefined;
    if (pid !== undefined && (await isProgramExecuted(pid))) return observed;
    const elapsedMs = clock.monotonic() - begunAtMs;
    if (pid !== undefined && elapsedMs > EXECUTED_MS) return observed;
    if (elapsedMs > SHIM_MS) {
      throw new CubeError('runtime-unavailable', 'The shim did not start the program in time.');
    }
    await sleep(clock, 1, signal);
  }
}

interface ShimOptions {
  readonly clock: Clock;
  readonly record: InstanceRecord;
  readonly command: readonly string[];
  readonly shimGroup: string;
  readonly changeUser: readonly string[];
  readonly searchPath: string;
}

async function spawnShim(
  directory: InstanceDirectory,
  options: ShimOptions,
): Promise<LaunchedShim> {
  const args = toShimArguments({
    ...options,
    directory: directory.path,
    exitFile: directory.exitFile,
    failedFile: directory.failedPath(options.record),
    groups: options.record.groups,
  });
  // Files, never pipes: with the worker dead, a write to a pipe would kill the program.
  await using stdout = await directory.openOutput('stdout');
  await using stderr = await directory.openOutput('stderr');
  try {
    return await new Promise<LaunchedShim>((resolve, reject) => {
      const shim = spawn(SHELL, args, {
        cwd: directory.workPath(options.record),
        env: { PATH: options.searchPath },
        detached: true,
        stdio: ['ignore', stdout.fd, stderr.fd],
      });
      shim.unref();
      const over = new AbortController();
      shim.once('exit', () => over.abort());
      const kill = async (): Promise<void> => {
        // As long as its end has not been taken note of, nobody else can have its pid.
        if (over.signal.aborted || shim.pid === undefined) return;
        sendSignal(-shim.pid, 'SIGKILL');
        // The end of the wait is the end of the shim.
        await sleep(options.clock, SHIM_MS, over.signal).catch(() => undefined);
      };
      shim.once('spawn', () => resolve({ kill }));
      shim.once('error', reject);
    });
  } catch (cause) {
    if (hasErrorCode(cause, 'E2BIG')) {
      throw new CubeError('runtime-failed', 'The arguments are longer than this machine allows.', {
        cause,
      });
    }
    throw new CubeError('runtime-unavailable', `No process can be started: ${messageOf(cause)}.`, {
      cause,
    });
  }
}

/** Where a task of another user has what it must reach; nothing for a task of Cube's own user. */
function toWorkFolder(
  directory: InstanceDirectory,
  { options, host }: StartContext,
): Pick<InstanceRecord, 'workFolder'> {
  if (host.user === undefined) return {};
  return { workFolder: join(options.workRoot, options.worker, directory.name) };
}

function toEnvironment(
  { taskId, attempt, spec }: InstanceSpec,
  workPath: string,
  searchPath: string,
): Readonly<Record<string, string>> {
  const own = Object.entries(spec.env).map(([name, value]) => [
    name,
    typeof value === 'string' ? value : value.secret,
  ]);
  return {
    PATH: searchPath,
    HOME: workPath,
    LANG: 'C.UTF-8',
    ...Object.fromEntries(own),
    CUBE_TASK_NAME: spec.name,
    ...toMark({ taskId, attempt }),
  };
}

function getCommand(spec: TaskSpec): string {
  if (spec.command === undefined) {
    throw new CubeError('runtime-failed', 'A process needs a command, and the spec has none.');
  }
  return spec.command;
}

async function toExecuteError(directory: InstanceDirectory, code: number): Promise<CubeError> {
  const path = directory.file('stderr.log');
  const size = (await findStats(path))?.size ?? 0;
  const text = (await readRange(path, Math.max(0, size - 500), size)).toString('utf8');
  const last = text.trim().split('\n').at(-1) ?? '';
  return new CubeError(
    'runtime-failed',
    `The program could not be executed (exit code ${code}): ${last}`,
  );
}
