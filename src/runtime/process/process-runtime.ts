import { open } from 'node:fs/promises';
import { release } from 'node:os';
import { CubeError, isCubeError, messageOf } from '../../errors/cube-error.ts';
import { sleep } from '../../lib/clock.ts';
import type { LogLine, LogOptions } from '../../link/protocol.ts';
import type { SessionOptions, SessionOutput } from '../../link/session.ts';
import { formatDuration } from '../../task/quantity.ts';
import { exitedReason, killedAfterTimeoutReason } from '../ended-reason.ts';
import { EventFeed, instanceName } from '../event-feed.ts';
import type {
  ExecuteOptions,
  ExecuteResult,
  InstanceKey,
  InstanceSpec,
  InstanceStatus,
  InstanceUsage,
  RemoveOptions,
  Runtime,
  RuntimeEvent,
  RuntimeState,
  StartOptions,
  StopOptions,
} from '../runtime.ts';
import { removeControlGroups } from './control-group.ts';
import { executeCommand } from './execute-command.ts';
import { InstanceDirectory, listInstances } from './instance-directory.ts';
import { InstanceWatch } from './instance-watch.ts';
import { followOutput, type OutputSource, readOutput } from './output-follower.ts';
import { openProcessHost, type ProcessHost } from './process-host.ts';
import {
  type InstanceContext,
  killInstance,
  type ObservedInstance,
  observeInstance,
  signalInstance,
  toInstanceStatus,
} from './process-instance.ts';
import {
  type CompiledProcessOptions,
  compileProcessOptions,
  type ProcessRuntimeOptions,
} from './process-options.ts';
import { runSession } from './process-session.ts';
import { assertStartable, type LaunchedShim, launch, waitUntilExecuted } from './process-start.ts';
import { ProcessUsageMeter, type RunningInstance } from './process-usage.ts';
import { toChangeUser } from './process-user.ts';
import { toSessionArguments } from './session-command.ts';
import { toExecuteCommand } from './shim.ts';
import { closeWorkRoot } from './work-root.ts';

/** What was killed may take this long to be gone. */
const DEATH_MS = 10_000;

/** Without a word of the shim the instance is looked at this often while a stop waits. */
const STOP_POLL_MS = 100;

interface OpenRuntime {
  readonly host: ProcessHost;
  readonly context: InstanceContext;
  readonly watch: InstanceWatch;
}

/**
 * Runs tasks as plain processes of this machine, each under a shim that outlives the worker. What
 * is true of an instance stands in its files and in the kernel's process table, never only in
 * memory, so any number of restarts changes nothing.
 */
export class ProcessRuntime implements Runtime {
  readonly name = 'process' as const;
  readonly #options: CompiledProcessOptions;
  readonly #feed = new EventFeed();
  readonly #usage = new ProcessUsageMeter();
  readonly #closing = new AbortController();
  #opening: Promise<OpenRuntime> | undefined;

  constructor(options: CompiledProcessOptions) {
    this.#options = options;
  }

  async probe(signal: AbortSignal): Promise<RuntimeState> {
    try {
      const { host } = await this.#open(signal);
      return { available: true, version: `Linux ${release()}`, notes: host.notes };
    } catch (error) {
      const hint = error instanceof CubeError && error.hint !== undefined ? ` ${error.hint}` : '';
      return { available: false, reason: `${messageOf(error)}${hint}`, notes: [] };
    }
  }

  async start(instance: InstanceSpec, options: StartOptions): Promise<InstanceStatus> {
    const { host, context, watch } = await this.#open(options.signal);
    const signal = AbortSignal.any([options.signal, this.#closing.signal]);
    const directory = this.#directory(instance);
    const found = await observeInstance(directory, context);
    if (found?.phase === 'running' || found?.phase === 'ended') return toInstanceStatus(found);
    // Of an instance that was never claimed by a shim nothing can be running.
    if (found?.phase === 'created') await this.#remove(directory, found);
    const start = { options: this.#options, host };
    let shim: LaunchedShim | undefined;
    try {
      if (found?.phase !== 'starting') {
        await assertStartable(instance, directory, start);
        signal.throwIfAborted();
        shim = await launch(instance, directory, start);
      }
      const started = await waitUntilExecuted(directory, context, signal);
      watch.add(instance);
      return toInstanceStatus(started);
    } catch (error) {
      // After `close` the worker goes away, and its successor finds what was begun.
      if (!this.#closing.signal.aborted) {
        await shim?.kill();
        await this.#discard(directory, context);
      }
      throw error;
    }
  }

  async stop(key: InstanceKey, options: StopOptions): Promise<InstanceStatus | undefined> {
    const { context } = await this.#open(options.signal);
    const { stopSignal, timeoutMs, signal } = options;
    const directory = this.#directory(key);
    const observed = await observeInstance(directory, context);
    if (observed === undefined) return undefined;
    if (observed.phase === 'ended') return toInstanceStatus(observed);
    if (observed.phase === 'created') {
      await this.#remove(directory, observed);
      return undefined;
    }
    if (stopSignal !== 'SIGKILL') {
      signalInstance(observed, stopSignal);
      const ended = await this.#waitForEnd(key, { forMs: timeoutMs, signal });
      if (ended !== 'in-vain') return ended;
    }
    const reason = stopSignal === 'SIGKILL' ? exitedReason(137) : killedAfterTimeoutReason(options);
    await directory.writeKillReason(reason);
    await killInstance(directory, observed.record, context);
    const ended = await this.#waitForEnd(key, { forMs: DEATH_MS, signal });
    if (ended !== 'in-vain') return ended;
    throw new CubeError(
      'runtime-failed',
      `The process did not die within ${formatDuration(DEATH_MS)} of SIGKILL.`,
      { hint: 'It may wait for a disk or network file system that does not answer.' },
    );
  }

  async remove(key: InstanceKey, options: RemoveOptions): Promise<void> {
    const { context, watch } = await this.#open(options.signal);
    const directory = this.#directory(key);
    const observed = await observeInstance(directory, context);
    if (observed === undefined) return;
    if (observed.phase === 'running' || observed.phase === 'starting') {
      await killInstance(directory, observed.record, context);
      const ended = await this.#waitForEnd(key, { forMs: DEATH_MS, signal: options.signal });
      if (ended === 'in-vain') {
        throw new CubeError('runtime-failed', 'The process did not die of SIGKILL; it was kept.');
      }
    }
    await this.#remove(directory, observed);
    watch.delete(key);
  }

  async inspect(key: InstanceKey, signal: AbortSignal): Promise<InstanceStatus | undefined> {
    const { context } = await this.#open(signal);
    const observed = await observeInstance(this.#directory(key), context);
    return observed === undefined ? undefined : toInstanceStatus(observed);
  }

  async list(signal: AbortSignal): Promise<readonly InstanceStatus[]> {
    const { context } = await this.#open(signal);
    const statuses: InstanceStatus[] = [];
    for (const key of await listInstances(this.#options.workerDirectory)) {
      signal.throwIfAborted();
      try {
        const observed = await observeInstance(this.#directory(key), context);
        if (observed !== undefined) statuses.push(toInstanceStatus(observed));
      } catch (error) {
        // One damaged record must not hide all others; `inspect` says what is wrong with it.
        if (!isCubeError(error, 'runtime-failed')) throw error;
        const { taskId, attempt } = key;
        this.#options.logger.error({ err: error, taskId, attempt }, 'An instance was left out.');
      }
    }
    return statuses;
  }

  events(signal: AbortSignal): AsyncIterable<RuntimeEvent> {
    // Subscribed now, not at the first reading, so that nothing in between is missed.
    return this.#eventsOnceOpen(this.#feed.subscribe(signal), signal);
  }

  /**
   * The kept output of the standard output comes before that of the error output, since the two
   * files do not tell when a line was written.
   */
  async *logs(
    key: InstanceKey,
    options: LogOptions & { readonly signal: AbortSignal },
  ): AsyncIterable<LogLine> {
    const { context, watch } = await this.#open(options.signal);
    const signal = AbortSignal.any([options.signal, this.#closing.signal]);
    const directory = this.#directory(key);
    const hasEnded = async (): Promise<boolean> => {
      const observed = await observeInstance(directory, context);
      return observed === undefined || observed.phase === 'ended';
    };
    const sources: OutputSource[] = [];
    try {
      // Errors are what a tail is mostly asked for: they are counted first, and come last.
      let tail = options.tail;
      for (const stream of ['stderr', 'stdout'] as const) {
        const path = directory.file(`${stream}.log`);
        const reader = await watch.output(path).openReader(tail);
        if (tail !== undefined) tail -= reader.tailLineCount;
        sources.unshift({ stream, path, reader });
      }
      if (options.follow) {
        yield* followOutput(sources, { clock: this.#options.clock, signal, hasEnded });
      } else {
        yield* readOutput(sources, { flush: true, signal });
      }
    } finally {
      for (const { path, reader } of sources) watch.output(path).release(reader);
    }
  }

  async execute(key: InstanceKey, options: ExecuteOptions): Promise<ExecuteResult> {
    const { host } = await this.#open(options.signal);
    const directory = this.#directory(key);
    const observed = await this.#running(key, options.signal);
    await using environment = await open(directory.file('environment'), 'r');
    const command = toExecuteCommand({
      changeUser: toChangeUser(host.user),
      command: options.command,
    });
    return await executeCommand(command, {
      directory: directory.workPath(observed.record),
      descriptor: environment.fd,
      environment: { PATH: this.#options.searchPath },
      timeoutMs: options.timeoutMs,
      clock: this.#options.clock,
      signal: AbortSignal.any([options.signal, this.#closing.signal]),
    });
  }

  async *openSession(key: InstanceKey, options: SessionOptions): AsyncGenerator<SessionOutput> {
    const { host } = await this.#open(options.signal);
    const directory = this.#directory(key);
    const { record } = await this.#running(key, options.signal);
    yield* runSession({
      ...options,
      args: toSessionArguments({
        changeUser: toChangeUser(host.user),
        command: options.request.command,
        groups: record.groups,
        environmentFile: directory.file('environment'),
      }),
      directory: directory.workPath(record),
      environment: { PATH: this.#options.searchPath },
      clock: this.#options.clock,
      signal: AbortSignal.any([options.signal, this.#closing.signal]),
    });
  }

  async usage(signal: AbortSignal): Promise<readonly InstanceUsage[]> {
    const { context, watch } = await this.#open(signal);
    const running = new Map<string, RunningInstance>();
    for (const key of watch.keys) {
      const observed = await observeInstance(this.#directory(key), context);
      if (observed?.phase === 'running') running.set(instanceName(key), observed);
    }
    return this.#usage.measure(running, this.#options.clock.monotonic());
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort(closedError());
    this.#feed.close(closedError());
    const opened = await this.#opening?.catch(() => undefined);
    await opened?.watch.close();
    await opened?.host.groups.close();
    if (opened?.host.user !== undefined) await closeWorkRoot(this.#options);
  }

  async *#eventsOnceOpen(
    subscription: AsyncIterable<RuntimeEvent>,
    signal: AbortSignal,
  ): AsyncIterable<RuntimeEvent> {
    const either = AbortSignal.any([signal, this.#closing.signal]);
    while (!either.aborted) {
      try {
        await this.#open(signal);
        break;
      } catch (error) {
        this.#options.logger.warn({ err: error }, 'The process runtime cannot be used yet.');
        await sleep(this.#options.clock, this.#options.pollMs, either);
      }
    }
    yield* subscription;
  }

  /** What every operation begins with. A machine that was not ready is tried again. */
  #open(signal: AbortSignal): Promise<OpenRuntime> {
    if (signal.aborted) return Promise.reject(signal.reason);
    if (this.#closing.signal.aborted) return Promise.reject(closedError());
    if (this.#opening === undefined) {
      const opening = this.#openOnce();
      this.#opening = opening;
      opening.catch(() => {
        this.#opening = undefined;
      });
    }
    return this.#opening;
  }

  async #openOnce(): Promise<OpenRuntime> {
    const host = await openProcessHost(this.#options);
    const { clock } = this.#options;
    const context = { clock, bootId: host.bootId, claimsSeenAt: new Map<string, number>() };
    const watch = new InstanceWatch(this.#options, context, this.#feed);
    await watch.open();
    return { host, context, watch };
  }

  /** @throws CubeError `runtime-failed`, when the instance does not run. */
  async #running(key: InstanceKey, signal: AbortSignal): Promise<ObservedInstance> {
    const { context } = await this.#open(signal);
    const observed = await observeInstance(this.#directory(key), context);
    if (observed?.phase === 'running') return observed;
    throw new CubeError('runtime-failed', `The task ${key.taskId} does not run.`, {
      hint: 'A command can only be run beside a running task.',
    });
  }

  #directory(key: InstanceKey): InstanceDirectory {
    return new InstanceDirectory(this.#options.workerDirectory, key, this.#options.random);
  }

  /** Resolves with the end of the instance; undefined when it is gone altogether. */
  async #waitForEnd(
    key: InstanceKey,
    options: { readonly forMs: number; readonly signal: AbortSignal },
  ): Promise<InstanceStatus | undefined | 'in-vain'> {
    const { context, watch } = await this.#open(options.signal);
    const { clock } = this.#options;
    const deadline = clock.monotonic() + options.forMs;
    for (;;) {
      options.signal.throwIfAborted();
      this.#closing.signal.throwIfAborted();
      const leftMs = deadline - clock.monotonic();
      const woken = watch.waitForExit(key, Math.min(STOP_POLL_MS, Math.max(0, leftMs)));
      const observed = await observeInstance(this.#directory(key), context);
      if (observed === undefined) return undefined;
      if (observed.phase === 'ended') {
        await watch.end(key);
        return toInstanceStatus(observed);
      }
      if (leftMs <= 0) return 'in-vain';
      await woken;
    }
  }

  /** Leaves nothing of an instance whose start failed, whatever of it is there. */
  async #discard(directory: InstanceDirectory, context: InstanceContext): Promise<void> {
    const record = await directory.findRecord();
    if (record === undefined) return;
    await killInstance(directory, record, context);
    await directory.remove(record);
    await removeControlGroups(record.groups);
  }

  async #remove(directory: InstanceDirectory, observed: ObservedInstance): Promise<void> {
    await directory.remove(observed.record);
    await removeControlGroups(observed.record.groups);
  }
}

/** A runtime of plain processes. Nothing is touched before its first operation. */
export function createProcessRuntime(options: ProcessRuntimeOptions): ProcessRuntime {
  return new ProcessRuntime(compileProcessOptions(options));
}

function closedError(): CubeError {
  return new CubeError('runtime-unavailable', 'The process runtime was closed.');
}
