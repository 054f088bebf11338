import { CubeError } from '../../errors/cube-error.ts';
import { type Clock, sleep } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import { formatDuration } from '../../task/quantity.ts';
import type { InstanceKey, InstanceStatus, StopOptions } from '../runtime.ts';
import { CallScope } from './call-scope.ts';
import { type ContainerFacts, toStatus } from './container-facts.ts';
import type { ContainerFinder } from './container-finder.ts';
import { withKillMark } from './container-labels.ts';
import type { ContainerRemover } from './container-remover.ts';
import type { DockerEngine } from './docker-engine.ts';
import { Refusal, refusalError } from './engine-error.ts';

/** A container that SIGKILL has not ended after this long is stuck in the kernel. */
const KILL_TIMEOUT_MS = 20_000;

/** A look at the container after its engine has cut a wait short. */
const LOOK_AGAIN_MS = 250;

/**
 * Stops containers. Docker's own stop would do it in one call, but not tell whether the signal
 * was heeded or the container killed.
 */
export class ContainerStopper {
  readonly #engine: DockerEngine;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #finder: ContainerFinder;
  readonly #remover: ContainerRemover;

  constructor(options: {
    readonly engine: DockerEngine;
    readonly clock: Clock;
    readonly logger: Logger;
    readonly finder: ContainerFinder;
    readonly remover: ContainerRemover;
  }) {
    this.#engine = options.engine;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#finder = options.finder;
    this.#remover = options.remover;
  }

  /** See `Runtime.stop`. */
  async stop(key: InstanceKey, options: StopOptions): Promise<InstanceStatus | undefined> {
    const { signal, stopSignal, timeoutMs } = options;
    signal.throwIfAborted();
    const container = await this.#finder.find(key, signal);
    if (container === undefined) return undefined;
    if (container.phase === 'ended') return toStatus(container);
    if (container.phase === 'created') {
      // It never ran, so it has no end that could be told; what remains is to see that it does not.
      await this.#remover.remove(key, { removeVolumes: false, signal });
      return undefined;
    }
    // A paused program would see the signal only when it is set going again.
    if (container.isPaused) await this.#unpause(container, signal);
    await this.#signal(container, stopSignal, signal);
    const isKill = stopSignal === 'SIGKILL';
    let last = isKill ? container : await this.#waitForEnd(container, { timeoutMs, signal });
    if (last !== undefined && last.phase !== 'ended') {
      if (!isKill) await this.#mark(container, options);
      last = await this.#kill(container, signal);
    }
    return last === undefined ? undefined : toStatus(last);
  }

  async #unpause({ id }: ContainerFacts, signal: AbortSignal): Promise<void> {
    const what = 'set a paused container going';
    const reply = await this.#engine.attempt<unknown>({
      what,
      signal,
      run: (docker, abortSignal) => docker.getContainer(id).unpause({ abortSignal }),
    });
    // Not paused any more, or not there any more.
    const isExpected = !(reply instanceof Refusal) || [304, 404, 409].includes(reply.status);
    if (!isExpected && !/not paused/i.test(reply.message)) throw refusalError(what, reply);
  }

  async #signal({ id }: ContainerFacts, name: string, signal: AbortSignal): Promise<void> {
    const what = `send ${name} to a container`;
    const reply = await this.#engine.attempt<unknown>({
      what,
      signal,
      run: (docker, abortSignal) => docker.getContainer(id).kill({ signal: name, abortSignal }),
    });
    // It has ended, or is gone: both are what is wanted.
    const isExpected = !(reply instanceof Refusal) || reply.status === 404 || reply.status === 409;
    if (!isExpected && !/not running/i.test(reply.message)) throw refusalError(what, reply);
  }

  /** Notes, where it outlives this worker, why the container is killed. */
  async #mark({ id, name, owner }: ContainerFacts, options: StopOptions): Promise<void> {
    const reply = await this.#engine.attempt<unknown>({
      what: 'rename a container',
      signal: options.signal,
      run: (docker, abortSignal) =>
        docker.getContainer(id).rename({ name: withKillMark(name, options), abortSignal }),
    });
    if (reply instanceof Refusal && reply.status !== 404) {
      // The stop goes on: its end will only be explained less well.
      this.#logger.warn(
        { ...keyOf(owner), container: id, why: reply.message },
        'A killed container was not marked.',
      );
    }
  }

  /** The container after its end; undefined where it is gone. */
  async #kill(container: ContainerFacts, signal: AbortSignal): Promise<ContainerFacts | undefined> {
    await this.#signal(container, 'SIGKILL', signal);
    const last = await this.#waitForEnd(container, { timeoutMs: KILL_TIMEOUT_MS, signal });
    if (last === undefined || last.phase === 'ended') return last;
    throw new CubeError(
      'runtime-failed',
      `A container did not end within ${formatDuration(KILL_TIMEOUT_MS)} of SIGKILL: ` +
        'its process hangs in the kernel, as on a file system that does not answer.',
      { hint: `Look at it on the node: docker top ${container.id.slice(0, 12)}.` },
    );
  }

  /** The container once it has ended, or when the time is over; undefined where it is gone. */
  async #waitForEnd(
    container: ContainerFacts,
    { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal },
  ): Promise<ContainerFacts | undefined> {
    const until = this.#clock.monotonic() + timeoutMs;
    for (;;) {
      const leftMs = until - this.#clock.monotonic();
      if (leftMs > 0) await this.#waitOnce(container, { timeoutMs: leftMs, signal });
      const now = await this.#finder.describe(container.id, signal);
      const isOver = this.#clock.monotonic() >= until;
      if (now === undefined || now.phase === 'ended' || isOver) return now;
      await sleep(this.#clock, Math.min(LOOK_AGAIN_MS, until - this.#clock.monotonic()), signal);
    }
  }

  /** Waits until the engine says that it has ended, the wait breaks, or the time is over. */
  async #waitOnce(
    { id, owner }: ContainerFacts,
    { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal },
  ): Promise<void> {
    const scope = new CallScope({ signals: [signal], timeoutMs, clock: this.#clock });
    try {
      const condition = 'not-running';
      await this.#engine.attempt<unknown>({
        what: 'wait for the end of a container',
        signal: scope.signal,
        // The scope ends it, in time.
        timeoutMs: timeoutMs + 60_000,
        run: (docker, abortSignal) => docker.getContainer(id).wait({ condition, abortSignal }),
      });
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (scope.ended === 'timeout') return;
      // The engine broke the wait; a look tells what is so.
      this.#logger.debug(
        { err: error, ...keyOf(owner), container: id },
        'The wait for an end broke.',
      );
    } finally {
      scope.close();
    }
  }
}

function keyOf({ taskId, attempt }: InstanceKey): InstanceKey {
  return { taskId, attempt };
}
