import { CubeError } from '../../errors/cube-error.ts';
import type { InstanceKey, InstanceSpec } from '../runtime.ts';
import type { VolumeMount } from './container-config.ts';
import { anonymousVolumeName, LABELS, type Labels } from './container-labels.ts';
import type { DockerEngine } from './docker-engine.ts';
import { Refusal, refusalError } from './engine-error.ts';

/**
 * The volumes of tasks. Those that a spec names are the user's and stay. Where an image asks for
 * an anonymous one, Docker would make a new one for each container, so that every restart would
 * lose what the task wrote; Cube makes one for each (task, path) instead, and mounts it again.
 */
export class TaskVolumes {
  readonly #engine: DockerEngine;
  readonly #worker: string;

  constructor(options: { readonly engine: DockerEngine; readonly worker: string }) {
    this.#engine = options.engine;
    this.#worker = options.worker;
  }

  /**
   * Makes the volumes that the spec names where they do not exist.
   *
   * @throws CubeError `not-allowed` for one that was not made by Cube, or for it: it may hold the
   * data of another program, or be a folder of the machine in disguise.
   */
  async createNamed(instance: InstanceSpec, signal: AbortSignal): Promise<void> {
    const labels = {
      [LABELS.cluster]: instance.cluster,
      [LABELS.worker]: this.#worker,
      [LABELS.volume]: 'named',
    };
    for (const { name } of instance.spec.volumes) {
      await this.#create({ name, labels, signal });
      // Asked for one that exists, an engine gives that one and leaves its labels as they are.
      const { Labels } = await this.#engine.call<{ readonly Labels: Labels | null }>({
        what: `look at the volume ${name}`,
        signal,
        run: (docker, abortSignal) => docker.getVolume(name).inspect({ abortSignal }),
      });
      if (Labels?.[LABELS.volume] === undefined) throw foreignError(name);
    }
  }

  /** Makes those that the image asks for at `paths`, except where the spec mounts something. */
  async createAnonymous(
    instance: InstanceSpec,
    { paths, signal }: { readonly paths: readonly string[]; readonly signal: AbortSignal },
  ): Promise<readonly VolumeMount[]> {
    const { cluster, taskId, spec } = instance;
    const mounted = [...spec.volumes, ...spec.binds].map(({ target }) => plain(target));
    const mounts: VolumeMount[] = [];
    for (const path of paths) {
      if (mounted.includes(plain(path))) continue;
      const name = anonymousVolumeName({ worker: this.#worker, cluster, taskId }, plain(path));
      const labels = {
        [LABELS.cluster]: cluster,
        [LABELS.worker]: this.#worker,
        [LABELS.task]: taskId,
        [LABELS.volume]: 'anonymous',
      };
      await this.#create({ name, labels, signal });
      mounts.push({ name, target: path });
    }
    return mounts;
  }

  /** Removes the anonymous volumes of a task, except those that another attempt uses. */
  async remove(key: InstanceKey, signal: AbortSignal): Promise<void> {
    const label = [
      `${LABELS.worker}=${this.#worker}`,
      `${LABELS.task}=${key.taskId}`,
      `${LABELS.volume}=anonymous`,
    ];
    const { Volumes } = await this.#engine.call({
      what: 'list volumes',
      signal,
      run: (docker, abortSignal) => docker.listVolumes({ filters: { label }, abortSignal }),
    });
    const what = 'remove a volume';
    for (const { Name } of Volumes ?? []) {
      const reply = await this.#engine.attempt<unknown>({
        what,
        signal,
        run: (docker, abortSignal) => docker.getVolume(Name).remove({ abortSignal }),
      });
      const isExpected =
        !(reply instanceof Refusal) || reply.status === 404 || reply.status === 409;
      if (!isExpected) throw refusalError(what, reply);
    }
  }

  async #create(volume: {
    readonly name: string;
    readonly labels: Labels;
    readonly signal: AbortSignal;
  }): Promise<void> {
    const { name, labels, signal } = volume;
    await this.#engine.call({
      what: `make the volume ${name}`,
      signal,
      run: (docker, abortSignal) =>
        docker.createVolume({ Name: name, Labels: { ...labels }, abortSignal }),
    });
  }
}

function foreignError(name: string): CubeError {
  return new CubeError(
    'not-allowed',
    `The volume ${name} exists and was not made by Cube, so tasks may not use it.`,
    {
      hint: `Name another one. A volume that tasks may use is made with: docker volume create --label ${LABELS.volume}=named NAME`,
    },
  );
}

function plain(path: string): string {
  return path.length > 1 ? path.replace(/\/+$/, '') : path;
}
