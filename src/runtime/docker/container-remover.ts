import { CubeError } from '../../errors/cube-error.ts';
import { type Clock, sleep } from '../../lib/clock.ts';
import type { InstanceKey, RemoveOptions } from '../runtime.ts';
import type { ContainerFinder } from './container-finder.ts';
import type { DockerEngine } from './docker-engine.ts';
import { Refusal, refusalError } from './engine-error.ts';
import type { TaskVolumes } from './task-volumes.ts';

/** How often, and how many times, is looked whether a removal in progress is over. */
const GONE_WAIT_MS = 100;
const GONE_TRIES = 100;

/** Removes an instance with all that is left of it. */
export class ContainerRemover {
  readonly #engine: DockerEngine;
  readonly #clock: Clock;
  readonly #finder: ContainerFinder;
  readonly #volumes: TaskVolumes;

  constructor(options: {
    readonly engine: DockerEngine;
    readonly clock: Clock;
    readonly finder: ContainerFinder;
    readonly volumes: TaskVolumes;
  }) {
    this.#engine = options.engine;
    this.#clock = options.clock;
    this.#finder = options.finder;
    this.#volumes = options.volumes;
  }

  /** See `Runtime.remove`. */
  async remove(key: InstanceKey, { removeVolumes, signal }: RemoveOptions): Promise<void> {
    const container = await this.#finder.find(key, signal);
    if (container !== undefined)
      await this.#removeContainer(container.id, { removeVolumes, signal });
    this.#finder.forget(key);
    if (removeVolumes) await this.#volumes.remove(key, signal);
  }

  async #removeContainer(id: string, { removeVolumes, signal }: RemoveOptions): Promise<void> {
    const what = 'remove a container';
    const reply = await this.#engine.attempt<unknown>({
      what,
      signal,
      run: (docker, abortSignal) =>
        docker.getContainer(id).remove({ force: true, v: removeVolumes, abortSignal }),
    });
    if (!(reply instanceof Refusal) || reply.status === 404) return;
    // Somebody else is removing it.
    if (reply.status !== 409) throw refusalError(what, reply);
    for (let tries = 0; tries < GONE_TRIES; tries += 1) {
      if ((await this.#finder.describe(id, signal)) === undefined) return;
      await sleep(this.#clock, GONE_WAIT_MS, signal);
    }
    throw new CubeError(
      'runtime-failed',
      `Docker does not get a container removed: ${reply.message}`,
    );
  }
}
