import type { Readable } from 'node:stream';
import type { ExecInspectInfo } from 'dockerode';
import { CubeError } from '../../errors/cube-error.ts';
import { type Clock, sleep } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import type { ExecuteOptions, ExecuteResult, InstanceKey } from '../runtime.ts';
import { CallScope } from './call-scope.ts';
import type { ContainerFinder } from './container-finder.ts';
import type { DockerEngine } from './docker-engine.ts';
import { Refusal, refusalError, sentence } from './engine-error.ts';
import { killTree } from './kill-tree.ts';
import { FrameReader } from './log-frames.ts';

const OUTPUT_BYTES_MAX = 4096;

/** Told by shells of a program that is not there, and by one that cannot be run. */
export const NOT_FOUND = 127;
export const NOT_EXECUTABLE = 126;

/**
 * An engine hears a little later than whoever reads its output that a command has begun, and that
 * it has ended.
 */
const FACTS_WAIT_MS = 20;
const FACTS_TRIES = 50;

/** Runs commands inside containers. */
export class ContainerExecution {
  readonly #engine: DockerEngine;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #finder: ContainerFinder;

  constructor(options: {
    readonly engine: DockerEngine;
    readonly clock: Clock;
    readonly logger: Logger;
    readonly finder: ContainerFinder;
  }) {
    this.#engine = options.engine;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#finder = options.finder;
  }

  /** See `Runtime.execute`. */
  async run(key: InstanceKey, options: ExecuteOptions): Promise<ExecuteResult> {
    const { signal, timeoutMs } = options;
    const target = await this.target(key, signal);
    const scope = new CallScope({ signals: [signal], timeoutMs, clock: this.#clock });
    try {
      return await this.#runWithin(target, { ...options, signal: scope.signal });
    } catch (error) {
      if (scope.ended === undefined) throw error;
      await this.kill(target);
      if (signal.aborted) throw signal.reason;
      return { exitCode: -1, output: '' };
    } finally {
      scope.close();
    }
  }

  /** @throws CubeError `not-found`; `runtime-failed`, when the container does not run. */
  async target(key: InstanceKey, signal: AbortSignal): Promise<Target> {
    signal.throwIfAborted();
    const container = await this.#finder.find(key, signal);
    if (container === undefined) {
      throw new CubeError('not-found', `Attempt ${key.attempt} of ${key.taskId} is not here.`);
    }
    if (container.phase !== 'running' || container.isPaused) {
      const state = container.isPaused ? 'paused' : container.phase;
      throw new CubeError('runtime-failed', `No command can be run: the container is ${state}.`);
    }
    return { key, containerId: container.id, execId: undefined };
  }

  async #runWithin(target: Target, { command, signal }: ExecuteOptions): Promise<ExecuteResult> {
    const what = `run ${command[0]} in a container`;
    const exec = await this.#engine.attempt({
      what,
      signal,
      run: (docker, abortSignal) =>
        docker.getContainer(target.containerId).exec({
          Cmd: [...command],
          AttachStdout: true,
          AttachStderr: true,
          abortSignal,
        }),
    });
    if (exec instanceof Refusal) throw refusalError(what, exec);
    target.execId = exec.id;
    const stream = await this.#engine.open({
      what,
      signal,
      run: (docker, abortSignal) =>
        docker.getExec(exec.id).start({ hijack: false, stdin: false, abortSignal }),
    });
    if (stream instanceof Refusal) return neverRan(what, stream);
    const output = await readOutput(stream);
    const exitCode = await this.exitCode(exec.id, signal);
    return { exitCode, output };
  }

  /** How a command ended, whose output has ended. */
  async exitCode(id: string, signal: AbortSignal): Promise<number> {
    return await this.#ask(id, {
      what: 'tell how a command ended',
      signal,
      find: ({ Running, ExitCode }) => (Running ? undefined : (ExitCode ?? undefined)),
    });
  }

  /** The process of a command, as this machine numbers it; 0 when it never began. */
  async pid(id: string, signal: AbortSignal): Promise<number> {
    return await this.#ask(id, {
      what: 'tell the process of a command',
      signal,
      find: ({ Running, Pid }) => (Running && Pid === 0 ? undefined : Pid),
    });
  }

  /** Asks about a command until the engine knows, at most for a second. */
  async #ask(id: string, question: Question): Promise<number> {
    const { what, signal, find } = question;
    for (let tries = 0; tries < FACTS_TRIES; tries += 1) {
      const facts = await this.#engine.call({
        what,
        signal,
        run: (docker, abortSignal) => docker.getExec(id).inspect({ abortSignal }),
      });
      const found = find(facts);
      if (found !== undefined) return found;
      await sleep(this.#clock, FACTS_WAIT_MS, signal);
    }
    throw new CubeError('runtime-unavailable', `Docker does not ${what}.`);
  }

  /** An engine has no call that ends a command; on this machine its processes can be. */
  async kill({ key, containerId, execId }: Target): Promise<void> {
    if (execId === undefined || this.#engine.host.kind !== 'socket') return;
    try {
      const pid = await this.pid(execId, this.#engine.closedSignal);
      const killedCount = await killTree(pid, containerId);
      const fields = { ...keyOf(key), container: containerId, killedCount };
      this.#logger.debug(fields, 'A command was ended.');
    } catch (error) {
      const fields = { err: error, ...keyOf(key), container: containerId };
      this.#logger.warn(fields, 'A command could not be ended.');
    }
  }
}

interface Question {
  /** What the engine is to do, as in an error: `tell how a command ended`. */
  readonly what: string;
  readonly signal: AbortSignal;
  /** Undefined where the engine does not know yet. */
  readonly find: (facts: ExecInspectInfo) => number | undefined;
}

function keyOf({ taskId, attempt }: InstanceKey): InstanceKey {
  return { taskId, attempt };
}

/** A command in a container, from before it is made. */
export interface Target {
  readonly key: InstanceKey;
  readonly containerId: string;
  /** Set as soon as the command is known to the engine. */
  execId: string | undefined;
}

/** Whether an engine says that a program is not there. */
export function isNotFound(message: string): boolean {
  return /executable file not found|no such file or directory/i.test(message);
}

/** A program that is not there is the command's failure, as it is in a shell. */
export function neverRan(what: string, refusal: Refusal): ExecuteResult {
  const { message } = refusal;
  if (isNotFound(message)) {
    return { exitCode: NOT_FOUND, output: sentence(message) };
  }
  if (/permission denied/i.test(message)) {
    return { exitCode: NOT_EXECUTABLE, output: sentence(message) };
  }
  throw refusalError(what, refusal);
}

/** The first bytes of both outputs; what follows is read and dropped, lest the command block. */
async function readOutput(stream: Readable): Promise<string> {
  const frames = new FrameReader();
  const parts: Buffer[] = [];
  let keptBytes = 0;
  for await (const chunk of stream) {
    for (const { bytes } of frames.push(chunk)) {
      const kept = Buffer.from(bytes.subarray(0, OUTPUT_BYTES_MAX - keptBytes));
      keptBytes += kept.length;
      parts.push(kept);
    }
  }
  // A character cut in two at the limit is left out.
  return new TextDecoder().decode(Buffer.concat(parts), { stream: true });
}
