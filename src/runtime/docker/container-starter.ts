import { CubeError, isCubeError } from '../../errors/cube-error.ts';
import type { Clock } from '../../lib/clock.ts';
import { sleep } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import type { PublishedPort } from '../../task/port.ts';
import type { TaskSpec } from '../../task/task-spec.ts';
import { findPortHolder } from '../port-holder.ts';
import type { InstanceSpec, InstanceStatus, StartOptions } from '../runtime.ts';
import type { BindPolicy } from './bind-policy.ts';
import { CommandCheck, type MadeContainer } from './command-check.ts';
import { containerConfig } from './container-config.ts';
import { type ContainerFacts, toStatus } from './container-facts.ts';
import type { ContainerFinder } from './container-finder.ts';
import { containerName } from './container-labels.ts';
import type { ContainerRemover } from './container-remover.ts';
import type { DockerEngine } from './docker-engine.ts';
import { Refusal } from './engine-error.ts';
import type { ImageFacts, ImagePuller } from './image-puller.ts';
import { createError, isPortTaken, startError, takenPort } from './start-failure.ts';
import type { TaskVolumes } from './task-volumes.ts';

/**
 * Once a container is being made, a start that is not wanted any more may take this long, and so
 * may clearing away what it left. A worker that ends waits for it, and is to end within 5 s; what
 * is made later still bears its labels, and is found by them.
 */
const ABORT_GRACE_MS = 2000;

/** An engine that chose a free port itself and found it taken is asked again. */
const AUTOMATIC_PORT_TRIES = 3;

/** A name is freed only after a container that is being removed is gone. */
const NAME_TRIES = 10;
const NAME_WAIT_MS = 200;

export interface ContainerStarterOptions {
  readonly engine: DockerEngine;
  readonly worker: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly pidsLimit: number;
  readonly finder: ContainerFinder;
  readonly remover: ContainerRemover;
  readonly puller: ImagePuller;
  readonly binds: BindPolicy;
  readonly volumes: TaskVolumes;
}

/** Brings an instance from nothing, or from wherever an earlier start left it, to running. */
export class ContainerStarter {
  readonly #options: ContainerStarterOptions;
  readonly #commands: CommandCheck;

  constructor(options: ContainerStarterOptions) {
    this.#options = options;
    this.#commands = new CommandCheck(options.engine);
  }

  /** See `Runtime.start`. */
  async start(instance: InstanceSpec, options: StartOptions): Promise<InstanceStatus> {
    const { finder, puller } = this.#options;
    const { signal } = options;
    const { image, pull } = instance.spec;
    signal.throwIfAborted();
    // Both at once: of nearly every start there is an image, and no container.
    const looking =
      image === undefined || pull === 'always' ? undefined : puller.find(image, signal);
    // Where there is a container, its image does not matter any more, nor why it cannot be told.
    looking?.catch(() => undefined);
    const present = await finder.find(instance, signal);
    if (present !== undefined && present.phase !== 'created') return toStatus(present);
    const make = present ?? (await this.#prepare(instance, { ...options, found: await looking }));
    signal.throwIfAborted();
    // From here on the engine changes things. An abort no longer ends a call half-way, of which
    // nobody would know the outcome; it is heeded between the calls.
    using shield = shieldFrom(signal, { clock: this.#options.clock, graceMs: ABORT_GRACE_MS });
    return await this.#makeAndRun(make, { instance, signal, shielded: shield.signal });
  }

  /** Everything that can go wrong before there is a container. */
  async #prepare(
    instance: InstanceSpec,
    options: StartOptions & { readonly found: ImageFacts | undefined },
  ): Promise<Recipe> {
    const { binds, puller, volumes } = this.#options;
    const { spec } = instance;
    if (spec.image === undefined) {
      throw new CubeError('runtime-failed', 'A task for the docker runtime needs an "image".');
    }
    await binds.resolve(spec.binds);
    const image = await puller.ensure(spec.image, spec.pull, options);
    options.onProgress('making the container');
    await volumes.createNamed(instance, options.signal);
    const anonymousVolumes = await volumes.createAnonymous(instance, {
      paths: image.volumePaths,
      signal: options.signal,
    });
    return { image, anonymousVolumes };
  }

  async #makeAndRun(make: ContainerFacts | Recipe, run: Run): Promise<InstanceStatus> {
    try {
      const container = 'id' in make ? make : await this.#create(make, run);
      if (isDescribed(container) && container.phase !== 'created') return toStatus(container);
      run.signal.throwIfAborted();
      // Again for one made earlier: what a path leads to may have changed since.
      if ('id' in make) await this.#options.binds.resolve(run.instance.spec.binds);
      const { spec } = run.instance;
      await this.#commands.check({ container, spec, signal: run.shielded });
      run.signal.throwIfAborted();
      await this.#run(container, run);
      const after = await this.#options.finder.describe(container.id, run.shielded);
      if (after !== undefined) return toStatus(after);
      const message = `The container of ${run.instance.spec.name} was removed while it started.`;
      throw new CubeError('runtime-failed', message);
    } catch (error) {
      // An engine that does not answer may still do what it was asked, and what runs must not be
      // run again as the same attempt: it is left for the next start, which looks.
      const isLost = isCubeError(error, 'runtime-unavailable') || run.shielded.aborted;
      if (!isLost) await this.#discard(run.instance);
      throw error;
    }
  }

  /** The new container; the one that an earlier call made, when its reply was lost. */
  async #create(recipe: Recipe, run: Run): Promise<ContainerFacts | MadeContainer> {
    const { engine, finder, binds, worker, pidsLimit } = this.#options;
    const { instance, shielded } = run;
    const { spec } = instance;
    const name = containerName(worker, instance);
    for (let tries = 1; ; tries += 1) {
      // Resolved last, so that hardly any time is left in which a link could be changed.
      const resolved = await binds.resolve(spec.binds);
      const { image, anonymousVolumes } = recipe;
      const mounts = { binds: resolved, anonymousVolumes };
      const config = { worker, instance, image: image.reference, pidsLimit, ...mounts };
      const reply = await this.#attemptOnce(instance, () =>
        engine.attempt({
          what: `make a container for ${spec.name}`,
          signal: shielded,
          run: (docker, abortSignal) =>
            docker.createContainer({ ...containerConfig(config), abortSignal }),
        }),
      );
      if (reply instanceof Refusal && reply.status !== 409) throw createError(spec, reply);
      if (reply !== undefined && !(reply instanceof Refusal)) {
        finder.remember(instance, reply.id);
        return madeFrom(reply.id, recipe, spec);
      }
      const made = await finder.describe(name, shielded);
      if (made !== undefined && isOf(made, instance)) {
        finder.remember(instance, made.id);
        return made;
      }
      if (tries >= NAME_TRIES) throw nameError(name, reply);
      await sleep(this.#options.clock, NAME_WAIT_MS, run.signal);
    }
  }

  /** undefined when the reply was lost on the way. */
  async #attemptOnce<Reply>(
    instance: InstanceSpec,
    attempt: () => Promise<Reply>,
  ): Promise<Reply | undefined> {
    try {
      return await attempt();
    } catch (error) {
      const isBroken = isCubeError(error, 'runtime-unavailable') && error.cause !== undefined;
      if (!isBroken) throw error;
      this.#options.logger.warn(
        { err: error, ...key(instance) },
        'The reply to a create was lost; it is looked for.',
      );
      return undefined;
    }
  }

  async #run(container: MadeContainer, { instance, shielded }: Run): Promise<void> {
    const { engine } = this.#options;
    const { spec } = instance;
    for (let tries = 1; ; tries += 1) {
      const reply = await engine.attempt<unknown>({
        what: `start ${spec.name}`,
        signal: shielded,
        run: (docker, abortSignal) => docker.getContainer(container.id).start({ abortSignal }),
      });
      if (!(reply instanceof Refusal) || reply.status === 304) return;
      const isAutomatic = isPortTaken(reply) && takenPort(spec, reply) === undefined;
      const canChoose = spec.ports.some(({ host }) => host === undefined);
      if (isAutomatic && canChoose && tries < AUTOMATIC_PORT_TRIES) continue;
      const port = isPortTaken(reply) ? takenPort(spec, reply) : undefined;
      const holder = port === undefined ? undefined : await this.#findHolder(port, shielded);
      throw startError(spec, reply, holder);
    }
  }

  /** Who has the port, in words; undefined where that cannot be known. */
  async #findHolder(port: PublishedPort, signal: AbortSignal): Promise<string | undefined> {
    const { engine, finder } = this.#options;
    const publisher = await finder.findPublisher(port.host, signal);
    if (publisher !== undefined) return `the container ${publisher}`;
    // What another machine holds is not in the tables of this one.
    return engine.host.kind === 'socket' ? (await findPortHolder(port))?.program : undefined;
  }

  /** Removes what a failed start has left. */
  async #discard(instance: InstanceSpec): Promise<void> {
    const { remover, clock, logger } = this.#options;
    // Not the caller's signal: what was begun is cleared away also when it is not wanted any more.
    const abort = new AbortController();
    const timer = clock.setTimer(ABORT_GRACE_MS, () => abort.abort(new Error('It took too long.')));
    try {
      await remover.remove(instance, { removeVolumes: false, signal: abort.signal });
    } catch (error) {
      logger.warn({ err: error, ...key(instance) }, 'A failed start left its container behind.');
    } finally {
      timer.cancel();
    }
  }
}

/** What a container is made from. */
interface Recipe {
  readonly image: ImageFacts;
  readonly anonymousVolumes: readonly { readonly name: string; readonly target: string }[];
}

interface Run {
  readonly instance: InstanceSpec;
  readonly signal: AbortSignal;
  readonly shielded: AbortSignal;
}

/** What a container is that an engine says it has just made so, which needs no second question. */
function madeFrom(
  id: string,
  { image, anonymousVolumes }: Recipe,
  { env, binds, volumes }: TaskSpec,
): MadeContainer {
  const { PATH: path } = env;
  const mountCount = anonymousVolumes.length + binds.length + volumes.length;
  return {
    id,
    searchPath:
      path === undefined ? image.searchPath : typeof path === 'string' ? path : path.secret,
    workingFolder: image.workingFolder,
    plainImageId: mountCount === 0 ? image.id : undefined,
  };
}

function isDescribed(container: ContainerFacts | MadeContainer): container is ContainerFacts {
  return 'phase' in container;
}

function isOf(container: ContainerFacts, instance: InstanceSpec): boolean {
  const { taskId, attempt } = container.owner;
  return taskId === instance.taskId && attempt === instance.attempt;
}

function key({ taskId, attempt }: InstanceSpec): { taskId: string; attempt: number } {
  return { taskId, attempt };
}

function nameError(name: string, refusal: Refusal | undefined): CubeError {
  if (refusal === undefined) {
    const message = `The connection to Docker broke while the container ${name} was made.`;
    return new CubeError('runtime-unavailable', message);
  }
  const message = `The container name ${name} is taken by a container that is not of this task.`;
  return new CubeError('runtime-failed', message, { hint: `Look at it: docker inspect ${name}.` });
}

/** A signal that is aborted only some time after `signal` is. */
function shieldFrom(
  signal: AbortSignal,
  { clock, graceMs }: { readonly clock: Clock; readonly graceMs: number },
): Disposable & { readonly signal: AbortSignal } {
  const shield = new AbortController();
  let timer: { cancel(): void } | undefined;
  const onAbort = (): void => {
    timer = clock.setTimer(graceMs, () => shield.abort(signal.reason));
  };
  signal.addEventListener('abort', onAbort, { once: true });
  return {
    signal: shield.signal,
    [Symbol.dispose]() {
      signal.removeEventListener('abort', onAbort);
      timer?.cancel();
    },
  };
}
