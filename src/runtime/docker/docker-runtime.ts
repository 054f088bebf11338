import { CubeError, messageOf } from '../../errors/cube-error.ts';
import { type Clock, systemClock } from '../../lib/clock.ts';
import { type Logger, noopLogger } from '../../lib/logger.ts';
import { type Random, systemRandom } from '../../lib/random.ts';
import type { LogLine, LogOptions } from '../../link/protocol.ts';
import type { SessionOptions, SessionOutput } from '../../link/session.ts';
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
import { BindPolicy } from './bind-policy.ts';
import { ContainerEvents } from './container-events.ts';
import { ContainerExecution } from './container-execution.ts';
import { toStatus } from './container-facts.ts';
import { ContainerFinder } from './container-finder.ts';
import { ContainerLogs } from './container-logs.ts';
import { ContainerRemover } from './container-remover.ts';
import { ContainerSessions } from './container-sessions.ts';
import { ContainerStarter } from './container-starter.ts';
import { ContainerStopper } from './container-stopper.ts';
import { ContainerUsage } from './container-usage.ts';
import { DockerEngine } from './docker-engine.ts';
import { type DockerHost, parseDockerHost } from './docker-host.ts';
import { engineNotes } from './engine-notes.ts';
import { ImagePuller } from './image-puller.ts';
import { TaskVolumes } from './task-volumes.ts';

export interface DockerRuntimeOptions {
  /** The identity of the worker: what does not bear it as a label is neither seen nor touched. */
  readonly worker: string;
  /** Default: the machine's. */
  readonly clock?: Clock;
  /** Default: the machine's. */
  readonly random?: Random;
  /** Default: says nothing. */
  readonly logger?: Logger;
  /**
   * Where the engine listens, as in DOCKER_HOST: `unix:///path`, a bare path, `tcp://host:port`.
   * Default: the usual sockets. The environment is not looked at.
   */
  readonly dockerHost?: string;
  /** The folder with ca.pem, cert.pem and key.pem, for an engine behind TLS (DOCKER_CERT_PATH). */
  readonly certPath?: string;
  /** The user's home and number, to find a socket of Docker Desktop or of a rootless engine. */
  readonly home?: string;
  readonly uid?: number;
  /** Folders of the machine below which binds are allowed. Default: none. */
  readonly bindRoots?: readonly string[];
  /** Folders that are never shown to a container, beside those of the system. Default: none. */
  readonly forbiddenPaths?: readonly string[];
  /** Processes and threads that a container may have. Default: 512. */
  readonly pidsLimit?: number;
  /** How long one call of the engine may take, in milliseconds. Default: 30 s. */
  readonly callTimeoutMs?: number;
  /** A pull that tells nothing for this long has failed, in milliseconds. Default: 2 min. */
  readonly pullSilenceMs?: number;
}

/**
 * Runs tasks as containers of a Docker Engine. Nothing is asked of the engine before the first
 * call, and an address that cannot be read is told by `probe`, like an engine that is not there.
 */
export function createDockerRuntime(options: DockerRuntimeOptions): Runtime {
  return new DockerRuntime(options);
}

class DockerRuntime implements Runtime {
  readonly name = 'docker';
  readonly #engine: DockerEngine;
  readonly #addressError: CubeError | undefined;
  readonly #finder: ContainerFinder;
  readonly #starter: ContainerStarter;
  readonly #stopper: ContainerStopper;
  readonly #remover: ContainerRemover;
  readonly #events: ContainerEvents;
  readonly #logs: ContainerLogs;
  readonly #execution: ContainerExecution;
  readonly #sessions: ContainerSessions;
  readonly #usage: ContainerUsage;

  constructor(options: DockerRuntimeOptions) {
    const { worker, clock = systemClock, random = systemRandom, logger = noopLogger } = options;
    const { bindRoots = [], forbiddenPaths = [], pidsLimit = 512 } = options;
    const { host, error } = readHost(options);
    this.#addressError = error;
    const engine = new DockerEngine({
      host,
      clock,
      callTimeoutMs: options.callTimeoutMs ?? 30_000,
      ...(options.certPath === undefined ? {} : { certPath: options.certPath }),
    });
    const finder = new ContainerFinder({ engine, worker, logger });
    const volumes = new TaskVolumes({ engine, worker });
    const remover = new ContainerRemover({ engine, clock, finder, volumes });
    const binds = new BindPolicy({ roots: bindRoots, forbiddenPaths, host });
    const puller = new ImagePuller({ engine, clock, silenceMs: options.pullSilenceMs ?? 120_000 });
    const parts = { engine, worker, clock, random, logger, finder, remover, volumes };
    this.#engine = engine;
    this.#finder = finder;
    this.#remover = remover;
    this.#starter = new ContainerStarter({ ...parts, binds, puller, pidsLimit });
    this.#stopper = new ContainerStopper(parts);
    this.#events = new ContainerEvents(parts);
    this.#logs = new ContainerLogs(parts);
    this.#execution = new ContainerExecution(parts);
    this.#sessions = new ContainerSessions({ engine, clock, execution: this.#execution });
    this.#usage = new ContainerUsage(parts);
  }

  async probe(signal: AbortSignal): Promise<RuntimeState> {
    try {
      this.#check();
      const version = await this.#engine.version(signal);
      return { available: true, version, notes: await engineNotes(this.#engine, signal) };
    } catch (error) {
      const hint = error instanceof CubeError ? error.hint : undefined;
      const reason = [messageOf(error), hint].filter(Boolean).join(' ');
      return { available: false, reason, notes: [] };
    }
  }

  async start(instance: InstanceSpec, options: StartOptions): Promise<InstanceStatus> {
    this.#check();
    return await this.#starter.start(instance, options);
  }

  async stop(key: InstanceKey, options: StopOptions): Promise<InstanceStatus | undefined> {
    this.#check();
    return await this.#stopper.stop(key, options);
  }

  async remove(key: InstanceKey, options: RemoveOptions): Promise<void> {
    this.#check();
    options.signal.throwIfAborted();
    await this.#remover.remove(key, options);
  }

  async inspect(key: InstanceKey, signal: AbortSignal): Promise<InstanceStatus | undefined> {
    this.#check();
    const container = await this.#finder.find(key, signal);
    return container === undefined ? undefined : toStatus(container);
  }

  async list(signal: AbortSignal): Promise<readonly InstanceStatus[]> {
    this.#check();
    return (await this.#finder.list(signal)).map(toStatus);
  }

  async *events(signal: AbortSignal): AsyncGenerator<RuntimeEvent> {
    this.#check();
    yield* this.#events.read(signal);
  }

  async *logs(
    key: InstanceKey,
    options: LogOptions & { readonly signal: AbortSignal },
  ): AsyncGenerator<LogLine> {
    this.#check();
    yield* this.#logs.read(key, options);
  }

  async execute(key: InstanceKey, options: ExecuteOptions): Promise<ExecuteResult> {
    this.#check();
    return await this.#execution.run(key, options);
  }

  async *openSession(key: InstanceKey, options: SessionOptions): AsyncGenerator<SessionOutput> {
    this.#check();
    yield* this.#sessions.open(key, options);
  }

  async usage(signal: AbortSignal): Promise<readonly InstanceUsage[]> {
    this.#check();
    return await this.#usage.measure(signal);
  }

  async close(): Promise<void> {
    this.#engine.close();
  }

  /** @throws CubeError `runtime-unavailable` where nothing can be done at all. */
  #check(): void {
    this.#engine.throwIfClosed();
    const error = this.#addressError;
    if (error === undefined) return;
    const options = error.hint === undefined ? {} : { hint: error.hint };
    throw new CubeError('runtime-unavailable', error.message, { ...options, cause: error });
  }
}

function readHost(options: DockerRuntimeOptions): {
  readonly host: DockerHost;
  readonly error: CubeError | undefined;
} {
  const { dockerHost, home, uid } = options;
  const defaults = {
    ...(home === undefined ? {} : { home }),
    ...(uid === undefined ? {} : { uid }),
  };
  try {
    return { host: parseDockerHost(dockerHost, defaults), error: undefined };
  } catch (error) {
    if (!(error instanceof CubeError)) throw error;
    return { host: parseDockerHost(undefined), error };
  }
}
