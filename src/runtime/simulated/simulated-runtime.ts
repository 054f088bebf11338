import { constants } from 'node:os';
import { CubeError } from '../../errors/cube-error.ts';
import { type Clock, sleep } from '../../lib/clock.ts';
import type { Random } from '../../lib/random.ts';
import type { LogLine, LogOptions } from '../../link/protocol.ts';
import type { SessionOptions, SessionOutput } from '../../link/session.ts';
import type { RuntimeName } from '../../task/task-spec.ts';
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
import { type SimulatedInstance, toStatus } from './simulated-instance.ts';
import { nextOutputMs, outputBetween } from './simulated-output.ts';
import type { SimulatedListener, SimulatedScope, SimulatedWorld } from './simulated-world.ts';

const EXECUTE_OUTPUT_CHARACTERS = 4096;

export interface SimulatedRuntimeOptions {
  readonly name: RuntimeName;
  /** The identity that labels what it starts. */
  readonly worker: string;
  /** The worker's own clock, by which its calls wait. */
  readonly clock: Clock;
  readonly random: Random;
  /** Where the instances live; it outlives this runtime. */
  readonly world: SimulatedWorld;
}

/** A runtime for tests and scale: nothing real is started, and time passes only on the clocks. */
export function createSimulatedRuntime(options: SimulatedRuntimeOptions): Runtime {
  return new SimulatedRuntime(options);
}

class SimulatedRuntime implements Runtime, SimulatedListener {
  readonly name: RuntimeName;
  readonly #clock: Clock;
  readonly #world: SimulatedWorld;
  readonly #scope: SimulatedScope;
  readonly #feed = new EventFeed();
  readonly #closing = new AbortController();

  constructor(options: SimulatedRuntimeOptions) {
    this.name = options.name;
    this.#clock = options.clock;
    this.#world = options.world;
    this.#scope = options.world.scope(options.worker, options.name);
    this.#scope.listeners.add(this);
  }

  hear(event: RuntimeEvent): void {
    this.#feed.publish(event);
  }

  die(): void {
    this.#closing.abort(closedError(this.name));
    this.#feed.close(closedError(this.name));
  }

  async probe(signal: AbortSignal): Promise<RuntimeState> {
    signal.throwIfAborted();
    if (this.#closing.signal.aborted) {
      return {
        available: false,
        reason: `The simulated ${this.name} runtime was closed.`,
        notes: [],
      };
    }
    const reason = this.#scope.outage;
    if (reason !== undefined) return { available: false, reason, notes: [] };
    return { available: true, version: 'simulated', notes: [] };
  }

  async start(spec: InstanceSpec, options: StartOptions): Promise<InstanceStatus> {
    this.#begin(options.signal);
    const instance = this.#find(spec) ?? this.#world.create(this.#scope, spec);
    if (instance.phase !== 'created') return toStatus(instance);
    try {
      await this.#startCreated(instance, options);
    } catch (error) {
      // After a crash nobody is there to clean up, and the next start finds what was made.
      if (!this.#closing.signal.aborted) this.#world.remove(this.#scope, instance, 'runtime');
      throw error;
    }
    if (instance.behaviour.startReplyLost === true) {
      throw new CubeError('runtime-unavailable', 'The reply to the start was lost.');
    }
    return toStatus(instance);
  }

  async stop(key: InstanceKey, options: StopOptions): Promise<InstanceStatus | undefined> {
    this.#begin(options.signal);
    const instance = this.#find(key);
    if (instance === undefined) return undefined;
    if (instance.phase === 'created') this.#world.remove(this.#scope, instance, 'runtime');
    if (instance.phase !== 'running') return this.#statusOf(instance);
    const { stopSignal, timeoutMs, signal } = options;
    if (stopSignal !== 'SIGKILL') {
      this.#world.signal(this.#scope, instance, constants.signals[stopSignal]);
      if (isRunning(instance)) await this.#waitForEnd(instance, { forMs: timeoutMs, signal });
    }
    const reason = stopSignal === 'SIGKILL' ? exitedReason(137) : killedAfterTimeoutReason(options);
    this.#world.end(this.#scope, instance, { exitCode: 137, reason, cause: 'runtime' });
    return this.#statusOf(instance);
  }

  async remove(key: InstanceKey, options: RemoveOptions): Promise<void> {
    this.#begin(options.signal);
    const instance = this.#find(key);
    if (instance === undefined) return;
    this.#world.end(this.#scope, instance, {
      exitCode: 137,
      reason: exitedReason(137),
      cause: 'runtime',
    });
    this.#world.remove(this.#scope, instance, 'runtime');
  }

  async inspect(key: InstanceKey, signal: AbortSignal): Promise<InstanceStatus | undefined> {
    this.#begin(signal);
    const instance = this.#find(key);
    return instance === undefined ? undefined : toStatus(instance);
  }

  async list(signal: AbortSignal): Promise<readonly InstanceStatus[]> {
    this.#begin(signal);
    return [...this.#scope.instances.values()].map(toStatus);
  }

  events(signal: AbortSignal): AsyncIterable<RuntimeEvent> {
    return this.#feed.subscribe(signal);
  }

  async *logs(
    key: InstanceKey,
    options: LogOptions & { readonly signal: AbortSignal },
  ): AsyncIterable<LogLine> {
    this.#begin(options.signal);
    const instance = this.#find(key);
    if (instance === undefined || instance.phase === 'created') return;
    let seenMs = this.#runMs(instance);
    const kept = outputBetween(instance, -1, seenMs);
    yield* options.tail === undefined ? kept : kept.slice(Math.max(0, kept.length - options.tail));
    while (options.follow && isRunning(instance)) {
      const next = nextOutputMs(instance, seenMs);
      const forMs = next === undefined ? undefined : Math.max(0, next - this.#runMs(instance));
      await this.#waitForEnd(instance, {
        ...(forMs === undefined ? {} : { forMs }),
        signal: options.signal,
      });
      const nowMs = this.#runMs(instance);
      yield* outputBetween(instance, seenMs, nowMs);
      seenMs = nowMs;
    }
  }

  async execute(key: InstanceKey, options: ExecuteOptions): Promise<ExecuteResult> {
    this.#begin(options.signal);
    const instance = this.#running(key);
    const execution = instance.behaviour.execute?.(options.command) ?? { exitCode: 0, output: '' };
    const takesMs = execution.takesMs ?? 0;
    if (takesMs > 0) {
      await sleep(this.#clock, Math.min(takesMs, options.timeoutMs), this.#joined(options.signal));
    }
    const output = execution.output.slice(0, EXECUTE_OUTPUT_CHARACTERS);
    return { exitCode: takesMs > options.timeoutMs ? -1 : execution.exitCode, output };
  }

  /** Every command says what it is told, and ends well when nothing more comes. */
  async *openSession(key: InstanceKey, options: SessionOptions): AsyncGenerator<SessionOutput> {
    const signal = this.#joined(options.signal);
    this.#begin(signal);
    this.#running(key);
    for await (const input of options.input) {
      signal.throwIfAborted();
      if (input.type === 'end') break;
      if (input.type === 'input') yield { type: 'stdout', data: input.data };
    }
    signal.throwIfAborted();
    yield { type: 'exit', code: 0 };
  }

  async usage(signal: AbortSignal): Promise<readonly InstanceUsage[]> {
    this.#begin(signal);
    return [...this.#scope.running].map(({ key, spec, behaviour }) => ({
      ...key,
      cpu: behaviour.usage?.cpu ?? spec.cpu ?? 0,
      memory: behaviour.usage?.memory ?? spec.memory ?? 0,
    }));
  }

  async close(): Promise<void> {
    this.#scope.listeners.delete(this);
    this.die();
  }

  /** What every operation begins with. */
  #begin(signal: AbortSignal): void {
    signal.throwIfAborted();
    this.#closing.signal.throwIfAborted();
    if (this.#scope.outage !== undefined) {
      throw new CubeError('runtime-unavailable', this.#scope.outage);
    }
  }

  /** For what really waits, since a joint signal costs more than all the rest of an operation. */
  #joined(signal: AbortSignal): AbortSignal {
    return AbortSignal.any([signal, this.#closing.signal]);
  }

  /** @throws CubeError `runtime-failed`, when the instance does not run. */
  #running(key: InstanceKey): SimulatedInstance {
    const instance = this.#find(key);
    if (instance !== undefined && isRunning(instance)) return instance;
    throw new CubeError('runtime-failed', `The task ${key.taskId} does not run.`, {
      hint: 'A command can only be run beside a running task.',
    });
  }

  #find(key: InstanceKey): SimulatedInstance | undefined {
    return this.#scope.instances.get(instanceName(key));
  }

  #statusOf(instance: SimulatedInstance): InstanceStatus | undefined {
    return this.#find(instance.key) === instance ? toStatus(instance) : undefined;
  }

  #runMs(instance: SimulatedInstance): number {
    const end = isRunning(instance) ? this.#world.clock.monotonic() : instance.finishedAtMs;
    return end - instance.startedAtMs;
  }

  async #startCreated(instance: SimulatedInstance, options: StartOptions): Promise<void> {
    const { startMs = 0, progress, startFailure } = instance.behaviour;
    if (progress !== undefined) options.onProgress(progress);
    if (startMs > 0) await sleep(this.#clock, startMs, this.#joined(options.signal));
    if (startFailure !== undefined) throw new CubeError(startFailure.code, startFailure.message);
    if (this.#scope.outage !== undefined) {
      throw new CubeError('runtime-unavailable', this.#scope.outage);
    }
    if (this.#find(instance.key) !== instance) {
      throw new CubeError('runtime-failed', 'The instance was removed while it was started.');
    }
    this.#world.start(this.#scope, instance);
  }

  /** Resolves when the instance has ended or been removed, or `forMs` have passed. */
  #waitForEnd(
    instance: SimulatedInstance,
    options: { readonly forMs?: number; readonly signal: AbortSignal },
  ): Promise<void> {
    const { forMs } = options;
    const signal = this.#joined(options.signal);
    return new Promise((resolve, reject) => {
      instance.onEnd ??= new Set();
      const waiters = instance.onEnd;
      const release = (): void => {
        waiters.delete(settle);
        timer?.cancel();
        signal.removeEventListener('abort', onAbort);
      };
      const settle = (): void => {
        release();
        resolve();
      };
      const onAbort = (): void => {
        release();
        reject(signal.reason);
      };
      const timer = forMs === undefined ? undefined : this.#clock.setTimer(forMs, settle);
      waiters.add(settle);
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }
}

function isRunning(instance: SimulatedInstance): boolean {
  return instance.phase === 'running';
}

function closedError(name: RuntimeName): CubeError {
  return new CubeError('runtime-unavailable', `The ${name} runtime was closed.`);
}
